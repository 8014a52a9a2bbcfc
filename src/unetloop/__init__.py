"""unetloop: segment nuclei with a U-Net that learns from corrections.

The GUI-free engine behind the napari plugin ``napari-unet-loop``: a library,
the command line ``unetloop``, and a server for the viewer. Importing the
package imports none of its modules, so that it costs nothing.
"""

__version__ = "0.1.0"
