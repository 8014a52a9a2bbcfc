"""The user's own layers that are selected in napari's list, to be worked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

from unetloop.image_axes import MICROMETRES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari import Viewer

__all__ = ["UsersImage", "UsersLayers"]

_SEEN_THROUGH = (
    "additive",
    "minimum",
    "multiplicative",
)  # what lies below is still seen
_AXES = "TCZYX"


@dataclass(frozen=True)
class UsersImage:
    """An image layer of the user's own.

    Parameters
    ----------
    path : Path or None
        The file that it came from, if it is there.
    name : str
        Of the layer.
    data : array-like
        Its pixels.
    axes : str
        What its axes are, each of T, C, Z, Y, X, and S for colours. Too few: it has
        more.
    pixel_size : tuple of float or None
        Height and width of a pixel in micrometres, where these are known.
    spacing : float or None
        From slice to slice, in micrometres.
    """

    path: Path | None
    name: str
    data: Any
    axes: str
    pixel_size: tuple[float, float] | None
    spacing: float | None


class UsersLayers:
    """Says what is selected, and hides what lies over an image of ours.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    is_ours : callable
        Says whether a layer is none of the user's own.
    """

    def __init__(self, viewer: Viewer, is_ours: Callable[[Any], bool]) -> None:
        self._viewer = viewer
        self._is_ours = is_ours
        self._given: list[Image] = []
        self._before: list[Image] = []

    def image(self) -> UsersImage | None:
        """Give the image layer that is selected."""
        layer = self._viewer.layers.selection.active
        if not isinstance(layer, Image) or self._is_ours(layer):
            return None
        self._given = [layer]
        data = layer.data[0] if layer.multiscale else layer.data
        axes = _axes_of(layer)
        sides = {axis: _side(layer, at) for at, axis in enumerate(axes[: layer.ndim])}
        height, width = sides.get("Y"), sides.get("X")
        size = (height, width) if height and width else None
        return UsersImage(
            *(_file_of(layer), layer.name, data, axes, size, sides.get("Z"))
        )

    def files(self) -> list[Path]:
        """List the files of all image layers that are selected."""
        chosen = self._viewer.layers.selection
        users = [
            layer
            for layer in self._viewer.layers
            if layer in chosen and isinstance(layer, Image) and not self._is_ours(layer)
        ]
        self._given = users
        return list(dict.fromkeys(filter(None, map(_file_of, users))))

    def labels(self) -> Labels | None:
        """Give the labels that are selected, if they can be read plane by plane."""
        layer = self._viewer.layers.selection.active
        own = isinstance(layer, Labels) and layer.editable and not layer.multiscale
        return layer if own and not self._is_ours(layer) else None

    def step_back(self) -> None:
        """Have `hide` hide what is seen now: images of ours were opened since.

        Where one of the user's was given to be opened, what is added to it may stay:
        other channels, for instance.
        """
        given, self._given = self._given, []
        self._before = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and layer.visible and not self._is_ours(layer)
            if not given or layer in given or layer.blending != "additive"
        ]

    def hide(self) -> None:
        """Hide those images: they lie over ours, under outlines that are not theirs."""
        for layer in self._before:
            layer.visible = False
        self._before = []

    def over(self, ours: Iterable[Any]) -> list[Image]:
        """List the images that hide layers of ours, wholly or in part.

        Parameters
        ----------
        ours : iterable of Layer or None
            The topmost is enough to be seen. What is hidden by hand does not count.
        """
        layers = self._viewer.layers
        seen = [layer for layer in ours if layer is not None and layer.visible]
        if not seen or self._viewer.canvas.grid.enabled:  # all lie side by side
            return []
        top = max(seen, key=layers.index)
        above = layers[layers.index(top) + 1 :]
        return [one for one in above if not self._is_ours(one) and _hides(one, top)]

    def uncover(self, ours: Iterable[Any]) -> str:
        """Hide what `over` lists; say where our layers were: empty if in sight."""
        covering = self.over(ours)
        for layer in covering:
            layer.visible = False
        names = " and ".join(layer.name for layer in covering)
        hidden = "is" if len(covering) == 1 else "are"
        return f"under {names}, which {hidden} hidden now" if covering else ""


def _hides(layer: Any, other: Any) -> bool:
    """Whether a layer is an image that one can't see another layer through."""
    if (
        not isinstance(layer, Image)
        or not layer.visible
        or layer.blending in _SEEN_THROUGH
    ):
        return False
    (start, end), (first, last) = (one.extent.world[:, -2:] for one in (layer, other))
    meets = bool((start < last).all() and (first < end).all())
    return meets and (layer.opacity == 1 or layer.blending == "opaque")


def _axes_of(layer: Image) -> str:
    """Say what the axes of a layer are, by their labels or else by their number."""
    named = "".join(label[:1].upper() for label in layer.axis_labels)
    axes = (_AXES if layer.ndim > 4 else "TZYX")[-layer.ndim :]
    if (
        named.endswith("YX")
        and set(named) <= set(_AXES)
        and len(set(named)) == len(named)
    ):
        axes = named
    return f"{axes}S" if layer.rgb else axes


def _side(layer: Image, axis: int) -> float | None:
    """Give the size of a pixel along an axis in µm, if its unit is known."""
    unit = MICROMETRES.get(str(layer.units[axis]).lower())
    return float(layer.scale[axis]) * unit if unit else None


def _file_of(layer: Image) -> Path | None:
    """Give the file that a layer came from, if it is there."""
    source = layer.source.path
    return Path(source) if source and Path(source).exists() else None
