"""Which sizes a network takes, what it loses at the border, and how to mend both.

A network with unpadded convolutions gives a smaller map than its input, and a
network with poolings takes only sizes that they divide. Both follow from its
layers, and are found by walking them; so it holds for a network that was loaded,
too, whatever options it was built with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import layers, ops

from unetloop.errors import EngineError

__all__ = [
    "CropLike",
    "Geometry",
    "MirrorBorder",
    "geometry_of",
    "layers_of",
    "same_size",
    "tensors_of",
]

_CONVOLUTIONS = (layers.Conv2D, layers.SeparableConv2D, layers.DepthwiseConv2D)
_POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)


@dataclass(frozen=True)
class Geometry:
    """Sizes of a network, the same along rows and columns.

    Parameters
    ----------
    border : int
        Pixels of the input that the output lacks on each side; 0 if padded.
    step, rest : int
        The input's size must be ``rest`` more than a multiple of ``step``.
    """

    border: int
    step: int
    rest: int

    def input_size(self, output: int) -> int:
        """Give the smallest size of an input whose map has at least this size.

        Examples
        --------
        The original U-Net's tile of 388 × 388 needs 572 × 572:

        >>> Geometry(border=92, step=16, rest=12).input_size(388)
        572
        """
        size = output + 2 * self.border
        return int(size + (self.rest - size) % self.step)


@dataclass(frozen=True)
class _Place:
    """Of a tensor: input pixels a pixel, and how many the input has more in all."""

    stride: int = 1
    lost: int = 0


def geometry_of(model: Any) -> Geometry:
    """Find a network's geometry from its layers.

    Parameters
    ----------
    model : keras.Model
        Functional, of layers that keep, halve or double the size.

    Returns
    -------
    Geometry

    Raises
    ------
    EngineError
        If what is joined anywhere, or the output, can't have one size.

    Notes
    -----
    At a down-sampling by ``f`` of a tensor with stride ``s`` that lost ``a``
    pixels, ``(size - a) / s`` must be a multiple of ``f``; the largest ``s * f``
    includes the others.
    """
    places = {id(model.input): _Place()}
    step, rest = 1, 0
    for operation in layers_of(model):
        sources = {places[id(tensor)] for tensor in tensors_of(operation.input)}
        if len(sources) > 1:
            raise EngineError(
                "This network joins maps of different sizes.", layer=operation.name
            )
        before = sources.pop()
        after = _passed(operation, before)
        if after.stride > before.stride and after.stride > step:
            step, rest = after.stride, before.lost % after.stride
        for tensor in tensors_of(operation.output):
            places[id(tensor)] = after
    end = {places[id(tensor)] for tensor in tensors_of(model.output)}
    if len(end) > 1 or next(iter(end)).stride != 1 or next(iter(end)).lost % 2:
        raise EngineError(
            "This network's maps are not as fine as its image.", network=model.name
        )
    return Geometry(border=end.pop().lost // 2, step=step, rest=rest)


def layers_of(model: Any) -> list[Any]:
    """List what a network does, in order: its layers but for the input."""
    return [
        operation
        for operation in model.operations
        if not isinstance(operation, layers.InputLayer)
    ]


def tensors_of(tensors: Any) -> list[Any]:
    """List the tensors that go into a layer, or out of it: Keras gives one bare."""
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _passed(operation: Any, place: _Place) -> _Place:
    """Follow a place through one layer."""
    stride, lost = place.stride, place.lost
    if isinstance(operation, layers.Conv2DTranspose):
        factor = operation.strides[0]
        kernel = operation.kernel_size[0] if operation.padding == "valid" else factor
        stride //= factor
        return _Place(stride, lost - stride * max(kernel - factor, 0))
    if isinstance(operation, _CONVOLUTIONS):
        kernel = (operation.kernel_size[0] - 1) * operation.dilation_rate[0] + 1
        excess = max(kernel - operation.strides[0], 0)
        lost += stride * excess * (operation.padding == "valid")
        return _Place(stride * operation.strides[0], lost)
    if isinstance(operation, _POOLINGS):
        excess = max(operation.pool_size[0] - operation.strides[0], 0)
        lost += stride * excess * (operation.padding == "valid")
        return _Place(stride * operation.strides[0], lost)
    if isinstance(operation, layers.UpSampling2D):
        return _Place(stride // operation.size[0], lost)
    if isinstance(operation, layers.Cropping2D):
        return _Place(stride, lost + stride * sum(operation.cropping[0]))
    return place


class MirrorBorder(layers.Layer):  # type: ignore[misc]  # Keras is not typed
    """Mirror an image at its border until a network can take it.

    The overlap-tile strategy of Ronneberger, Fischer, Brox 2015
    (https://arxiv.org/abs/1505.04597, figure 2): what a network loses at the
    border is first put there, mirrored. Images smaller than the border are
    mirrored back and forth.

    Parameters
    ----------
    geometry : Geometry
        The network's.
    """

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(dtype="float32")
        self._geometry = geometry

    def call(self, image: Any) -> Any:
        """Take (batch, rows, columns, channels), give both sizes as allowed."""
        geometry = self._geometry
        border, step, rest = geometry.border, geometry.step, geometry.rest
        for axis in (1, 2):
            size = ops.shape(image)[axis]
            # No remainder of a negative number: exporters differ in its sign.
            steps = (size + 2 * border - rest + step - 1) // step
            first = 2 * size * (border // (2 * size) + 1) - border
            index = ops.arange(0, steps * step + rest, dtype="int32") + first
            index = ops.mod(index, 2 * size)
            index = ops.minimum(index, 2 * size - 1 - index)
            image = ops.take(image, index, axis=axis)
        return image

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the shape, None where the image's is."""
        sides = [size and self._geometry.input_size(size) for size in input_shape[1:-1]]
        return (input_shape[0], *sides, input_shape[-1])


class CropLike(layers.Layer):  # type: ignore[misc]  # Keras is not typed
    """Cut a map to the rows and columns of the image that it belongs to."""

    def call(self, maps: Any, image: Any) -> Any:
        """Take maps that start where the image starts, and the image."""
        shape = ops.shape(image)
        return maps[:, : shape[1], : shape[2]]

    def compute_output_shape(
        self, maps_shape: tuple[Any, ...], image_shape: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Give the image's rows and columns, the maps' channels."""
        return (*image_shape[:-1], maps_shape[-1])


def same_size(model: Any, step: int) -> Any:
    """Make of a network one that takes sizes in steps and gives maps of that size.

    Parameters
    ----------
    model : keras.Model
        Any network of the catalog.
    step : int
        Sizes that will be asked for are multiples of this.

    Returns
    -------
    tuple of tensor
        The image to give, and the logits: (batch, rows, columns, channels) and
        (batch, rows, columns, outputs).
    """
    geometry = geometry_of(model)
    if not geometry.border and step % geometry.step == 0:
        return model.input, model.output
    image = layers.Input((None, None, model.input_shape[-1]), name="image")
    maps = model(MirrorBorder(geometry)(image))
    return image, CropLike(dtype="float32")(maps, image)
