"""The napari plugin of napari-unet-loop: a thin view on the engine ``unetloop``."""
