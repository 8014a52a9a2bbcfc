"""What the network said of the fields so far, to be labelled and shown anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._fields import Fields
from unetloop.config import InstanceConfig

if TYPE_CHECKING:
    from napari_unet._current import Current
    from napari_unet._fields import StoredMaps
    from napari_unet._layers import Layers
    from napari_unet._proposals import Proposals
    from unetloop.boxes import Box
    from unetloop.pieces import Window

__all__ = ["Maps"]


class Maps(QObject):
    """The maps of the fields that are known.

    ``instances`` says how they are labelled; None: as ``of_model`` says, the model's.

    Signal: ``told(plane, core, maps)``, the maps of a field's core, (rows, columns,
    maps), when they came or are asked for.

    Parameters
    ----------
    layers, proposals
        What it works with.
    """

    told = Signal(int, object, object)

    def __init__(
        self, layers: Layers, proposals: Proposals, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._proposals = proposals
        self._current: Current | None = None
        self.fields = Fields()
        self.instances: InstanceConfig | None = None
        self.of_model = InstanceConfig()

    def show(self, current: Current | None) -> None:
        """Work on another image."""
        self._current = current

    def label_with(self, instances: InstanceConfig | None) -> None:
        """Make the proposals from the maps anew; None: as the model says."""
        self.instances = instances
        if instances is not None:
            self._label(self._here(), instances)

    def label_again(self, where: list[tuple[int, Window]]) -> None:
        """Put proposals back into rectangles where nobody has looked any more.

        Parameters
        ----------
        where : list of tuple
            Planes, and rows and columns in them.
        """
        windows = [window for plane, window in where if plane == self._layers.plane]
        touched = [
            stored
            for stored in self._here()
            if any(_meet(stored.field.core, window) for window in windows)
        ]
        if touched:
            self._label(touched, self.instances or self.of_model)

    def tell(self, plane: int, stored: StoredMaps) -> None:
        """Say what the maps of a field's core are."""
        top, left, bottom, right = stored.field.core_in_box
        core = stored.maps[top:bottom, left:right]
        self.told.emit(plane, stored.field.core, core)

    def tell_again(self) -> None:
        """Say what all maps of the plane on the screen are."""
        for stored in self._here():
            self.tell(self._layers.plane, stored)

    def _here(self) -> list[StoredMaps]:
        if self._current is None:
            return []
        return self.fields.maps(self._current.entry.id, self._layers.plane)

    def _label(self, maps: list[StoredMaps], instances: InstanceConfig) -> None:
        visible = self._layers.visible or (0, 0, 0, 0)
        maps.sort(key=lambda stored: _distance(stored.field.core, visible))
        self._proposals.label_again(self._layers.plane, maps, instances)


def _meet(core: Box, window: Window) -> bool:
    """Whether a box and a rectangle have a pixel in common."""
    top, left, bottom, right = core
    rows, columns = window
    across = left < int(columns.stop) and int(columns.start) < right
    return across and top < int(rows.stop) and int(rows.start) < bottom


def _distance(core: Box, visible: Box) -> float:
    """Say how far the middles of two boxes are from each other, in pixels squared."""
    return sum(
        (core[axis] + core[axis + 2] - visible[axis] - visible[axis + 2]) ** 2 / 4
        for axis in (0, 1)
    )
