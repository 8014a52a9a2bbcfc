"""What the docks show: the state of the loop, put together from its parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._models import SHIPPED
from napari_unet._state import Learning, LoopState, Reading
from unetloop.mixtures import MIXTURES

if TYPE_CHECKING:
    from napari_unet._current import Current

__all__ = ["Board"]

_NONE_FOUND = "No nuclei found. Is it the right channel, the right diameter?"
_FIRST_DEVICE = "CPU; learning gets ready…"


class Board(QObject):
    """Holds the state, and says when it is another one.

    Signal: ``changed(LoopState)``.
    """

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = LoopState(
            model=SHIPPED,
            models=(SHIPPED,),
            learning=Learning(can_start="Open some images first."),
        )
        self._problems: dict[str, str] = {}
        self._busy = ""
        self._predicting = self._none_found = False

    def update(self, **values: Any) -> None:
        """Change some of it."""
        state = replace(self.state, **values)
        self.state = state
        self.changed.emit(state)

    def hear(self, event: dict[str, Any]) -> None:
        """Take note of what the engine says of itself."""
        if event["event"] == "DeviceFound":
            self.update(device=str(event["device"]))
        elif event["event"] == "Notice" and event.get("text") == "ready":
            # It predicts from now on; what it learns on takes seconds to find out.
            self.update(device=self.state.device or _FIRST_DEVICE)

    def set_busy(self, text: str) -> None:
        """Say what is being done; empty: nothing but predictions."""
        self._busy = text
        self._show_busy()

    @property
    def reading(self) -> bool:
        """Whether other images are on their way to the screen."""
        return bool(self._busy)

    def set_predicting(self, predicting: bool) -> None:
        """Say whether the field in view is being predicted."""
        if predicting != self._predicting:
            self._predicting = predicting
            self._show_busy()

    def set_none_found(self, none: bool) -> None:
        """Say that the image was segmented, and nothing is in it."""
        if none != self._none_found:
            self._none_found = none
            self._show_busy()

    def set_problem(self, source: str, text: str) -> None:
        """Say what is wrong with one of the parts; empty: it is mended."""
        if self._problems.get(source, "") != text:
            self._problems[source] = text
            self.update(problem=next(filter(None, self._problems.values()), ""))

    def dismiss(self) -> None:
        """Show nothing that was wrong, until it is said again."""
        self._problems.clear()
        self.update(problem="")

    def start_again(self) -> None:
        """Show no image, and nothing that was wrong: another project was opened."""
        self._problems.clear()
        self.update(problem="", current="", reading=None)

    def show_reading(
        self, current: Current, known: dict[str, Any], found: float | None
    ) -> None:
        """Say how the image on the screen is read.

        Parameters
        ----------
        current : Current
            The image.
        known : dict
            What the user chose for it: ``diameter``.
        found : float, optional
            The diameter that was estimated, in pixels.
        """
        info, size = current.pixels.info, current.pixels.pixel_size
        diameter = known.get("diameter")
        names = info.channel_names
        if info.rgb:
            names = (*MIXTURES.values(), *names)
        reading = Reading(
            axes=info.axes,
            dtype=str(info.dtype),
            channel_names=names,
            channel=current.pixels.channel,
            pixel_size=size[0] if size else None,
            diameter=float(diameter) if diameter else None,
            diameter_found=found,
            sized=not current.truth.task.classes,
        )
        self.update(reading=reading)

    def _show_busy(self) -> None:
        predicting = "Segmenting the field in view" if self._predicting else ""
        none = _NONE_FOUND if self._none_found else ""
        self.update(busy=self._busy or predicting or none)
