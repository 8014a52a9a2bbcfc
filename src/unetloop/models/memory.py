"""How much memory a network takes for each pixel that it looks at."""

from __future__ import annotations

from math import prod
from typing import Any

from unetloop.models.geometry import geometry_of, layers_of, tensors_of

__all__ = ["bytes_a_pixel"]

_SIDE = 256  # rows and columns of the map that it is counted for
_FLOAT = 4  # bytes
# What a prediction takes is 1.2 to 1.6 times the activations that are live at once
# (measured: the original, residual, dense and nested U-Nets).
_OVERHEAD = 1.65


def bytes_a_pixel(model: Any) -> int:
    """Count the activations that are live at the same time, in their worst moment.

    A tensor lives from the layer that makes it to the last one that reads it: in a
    U-Net the skip connections, and what the layer at work takes and gives.

    Parameters
    ----------
    model : keras.Model
        Any network of the catalog.

    Returns
    -------
    int
        Bytes of memory a pixel of the map that is predicted; somewhat more than is
        needed.
    """
    size = geometry_of(model).input_size(_SIDE)
    steps = layers_of(model)
    last = {
        id(tensor): index
        for index, step in enumerate(steps)
        for tensor in tensors_of(step.input)
    }
    shapes = {id(model.input): (1, size, size, model.input_shape[-1])}
    live = {id(model.input): prod(shapes[id(model.input)])}
    most = 0
    for index, step in enumerate(steps):
        given = [shapes[id(tensor)] for tensor in tensors_of(step.input)]
        result = step.compute_output_shape(given if len(given) > 1 else given[0])
        shapes[id(step.output)] = result
        live[id(step.output)] = prod(result)
        most = max(most, sum(live.values()))
        live = {key: value for key, value in live.items() if last.get(key, -1) > index}
    return round(_OVERHEAD * _FLOAT * most / _SIDE**2)
