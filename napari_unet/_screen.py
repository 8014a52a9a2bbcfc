"""What of an image is on the screen, and what is under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from unetloop.boxes import clipped

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._pixels import Pixels

__all__ = ["Screen", "planes_of"]

_ROOM = 0.95  # of the canvas, as napari's own Home takes


class Screen(QObject):
    """Camera, plane and pointer, in rows and columns of the image that is shown.

    Signal: ``view_changed()`` when the camera or the plane moved.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    view_changed = Signal()

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.nuclei: Labels | None = None
        self._pixels: Pixels | None = None
        self._seen = 0  # the plane that was on the screen last

    @property
    def _planes(self) -> Labels | None:
        """A layer that has the image's planes."""
        return self.nuclei

    @property
    def plane(self) -> int:
        """The plane on the screen; the last one known where our layers are removed."""
        layer = self._planes
        if layer is None:
            return self._seen
        if layer.ndim == 2:
            return 0
        lead = layer.data.shape[:-2]
        point = np.round(layer.world_to_data(self.viewer.dims.point)).astype(int)
        step = [
            min(max(int(value), 0), size - 1)
            for value, size in zip(point[:-2], lead, strict=True)
        ]
        return int(np.ravel_multi_index(step, lead))

    def go_to_plane(self, plane: int) -> None:
        """Bring a plane to the screen."""
        if self._pixels is None or not self._pixels.lead:
            return
        steps = np.unravel_index(plane, self._pixels.lead)
        sides = self._pixels.placement["scale"]
        first = self.viewer.dims.ndim - 2 - len(steps)
        # Not by its number: where other layers are finer, napari has more of them.
        for axis, (step, side) in enumerate(zip(steps, sides, strict=False), first):
            self.viewer.dims.set_point(axis, float(step * side))

    @property
    def flat(self) -> bool:
        """Whether rows and columns are on the screen, in this order."""
        dims = self.viewer.dims
        return dims.ndisplay == 2 and tuple(dims.displayed) == (
            dims.ndim - 2,
            dims.ndim - 1,
        )

    def pixel(self, position: Any) -> tuple[int, int] | None:
        """Row and column of a position in the world; None where there are none."""
        if self.nuclei is None or not self.flat:
            return None
        row, column = self.nuclei.world_to_data(position)[-2:]
        rows, columns = self.nuclei.data.shape[-2:]
        found = round(float(row)), round(float(column))
        return found if 0 <= found[0] < rows and 0 <= found[1] < columns else None

    @property
    def visible(self) -> tuple[int, int, int, int] | None:
        """The box of rows and columns on the screen; None in 3-D, or of none.

        By the camera: what napari says of its layers is as it drew them last, which
        may have been another image.
        """
        if self.nuclei is None or not self.flat:
            return None
        viewer, camera = self.viewer, self.viewer.scene.camera
        half = np.divide(viewer.canvas.viewbox_size(viewer.layers), 2 * camera.zoom)
        corners = []
        for edge in (camera.center[-2:] - half, camera.center[-2:] + half):
            seen = self.nuclei.world_to_data((*viewer.dims.point[:-2], *edge))[-2:]
            corners.append(np.floor(np.asarray(seen) + 0.5).astype(int))
        rows, columns = self.nuclei.data.shape[-2:]
        (top, left), (bottom, right) = corners
        box = int(top), int(left), int(bottom) + 1, int(right) + 1
        return clipped(box, (0, 0, rows, columns))

    def centre_on(self, row: float, column: float) -> None:
        """Move the camera."""
        if self.nuclei is not None:
            point = list(self.nuclei.world_to_data(self.viewer.dims.point))
            point[-2:] = [row, column]
            world = self.nuclei.data_to_world(point)
            self.viewer.scene.camera.center = (0.0, float(world[-2]), float(world[-1]))

    @property
    def camera(self) -> dict[str, Any]:
        """Where the camera is, to be stored."""
        camera = self.viewer.scene.camera
        return {
            "center": [float(value) for value in camera.center],
            "zoom": float(camera.zoom),
        }

    @camera.setter
    def camera(self, where: dict[str, Any]) -> None:
        try:
            center = tuple(float(value) for value in where["center"])
            zoom = float(where["zoom"])
        except (KeyError, TypeError, ValueError):
            self._show_whole()
            return
        self.viewer.scene.camera.center = center
        self.viewer.scene.camera.zoom = zoom

    def _show_whole(self) -> None:
        """Look at the whole image, however large other layers in the list are."""
        viewer, camera = self.viewer, self.viewer.scene.camera
        viewer.reset_view()
        if self.nuclei is None or not self.flat:
            return
        first, last = self.nuclei.extent.world[:, -2:]  # middles of pixels
        room = np.asarray(viewer.canvas.viewbox_size(viewer.layers))
        camera.center = (0.0, *((first + last) / 2))
        camera.zoom = _ROOM * float(np.min(room / (last - first + self.sides)))

    @property
    def sides(self) -> tuple[float, float]:
        """Height and width of a pixel in the world."""
        if self.nuclei is None:
            return 1.0, 1.0
        return float(self.nuclei.scale[-2]), float(self.nuclei.scale[-1])

    def keep_in_view(self, before: tuple[float, float]) -> None:
        """Look at the same pixels as before, when they were of another size."""
        if before == self.sides:
            return
        camera = self.viewer.scene.camera
        down, across = np.divide(self.sides, before)
        depth, row, column = camera.center
        camera.center = depth, row * down, column * across
        camera.zoom /= across

    @property
    def zoom(self) -> float:
        """Pixels of the screen per pixel of the image."""
        return max(float(self.viewer.scene.camera.zoom) * self.sides[1], 1e-6)


def planes_of(data: NDArray[Any]) -> NDArray[Any]:
    """See a stack as (planes, rows, columns), without a copy."""
    return data.reshape(-1, *data.shape[-2:])
