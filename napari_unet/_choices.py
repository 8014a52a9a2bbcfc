"""How images are read and shown: chosen by the user, remembered in the project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from unetloop.config import InstanceConfig
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet._board import Board
    from napari_unet._current import Current
    from napari_unet._layers import Layers
    from napari_unet._learner import Learner
    from napari_unet._opener import Opener
    from napari_unet._predictor import Predictor

__all__ = ["Choices"]

_HOLDS = (
    "Pixels are {side:.4g} µm wide in all images of this project that state no size, "
    "but where you typed another."
)


class Choices(QObject):
    """Takes note of what the user chooses, and lets the other parts act on it.

    Signals: ``locked(image, locked)`` when an image was kept for scoring, or not;
    ``said(text, level)``.

    Parameters
    ----------
    layers, opener, predictor, learner, board
        What acts on it.
    """

    locked = Signal(str, bool)
    said = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        opener: Opener,
        predictor: Predictor,
        learner: Learner,
        board: Board,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._opener = opener
        self._predictor = predictor
        self._learner = learner
        self._board = board
        self._of_model = InstanceConfig()

    def how(self) -> tuple[str | None, float | None]:
        """Say by which channel and diameter the image on the screen is predicted."""
        known = self._opener.bookmark.known()
        diameter = known.get("diameter")
        return known.get("channel") or None, float(diameter) if diameter else None

    def change_reading(self, values: dict[str, Any]) -> None:
        """Read the image on the screen in another way.

        Parameters
        ----------
        values : dict
            Some of ``channel``, ``diameter`` and ``pixel_size``.
        """
        current = self._opener.current
        if current is None:
            return
        known = self._opener.bookmark.known()
        values = dict(values)
        channel = values.pop("channel", known.get("channel"))
        known.update(values)
        if channel != known.get("channel"):
            self._opener.read_anew(str(channel))
        elif "pixel_size" in values:
            self._take_size(current, values["pixel_size"])
        else:
            self.show_reading()
            self._predictor.show(current, *self.how())
        self._opener.bookmark.note()

    def _take_size(self, current: Current, side: float | None) -> None:
        """Have a pixel of the image on the screen so large, in µm.

        So it is, too, in all images whose files state nothing, but for those for which
        something else was typed: mostly they are of one microscope.
        """
        workspace = self._opener.workspace
        if workspace is not None and current.pixels.info.pixel_size is None:
            workspace.view.pixel_size = side or 0.0
            if side and len(workspace.project.images) > 1:
                self.said.emit(_HOLDS.format(side=side), "info")
        self._opener.show(current.entry.id, self._layers.plane)

    def show_reading(self) -> None:
        """Say how the image on the screen is read."""
        if self._opener.current is not None:
            self._board.show_reading(
                self._opener.current,
                self._opener.bookmark.known(),
                self._predictor.diameter_found,
            )

    def lock(self, image: str, locked: bool) -> None:
        """Keep an image for scoring only, or learn from it again."""
        self._opener.bookmark.known(image)["locked"] = locked
        self.locked.emit(image, locked)
        self.tell_learner()
        self._learner.corrected()  # there may be more to learn from now
        self._opener.bookmark.note()

    def tell_learner(self) -> None:
        """Say from which model, by which channels and without which images to learn."""
        workspace, current = self._opener.workspace, self._opener.current
        images = workspace.view.images if workspace is not None else {}
        locked = tuple(name for name, known in images.items() if known.get("locked"))
        channels = {
            name: str(known["channel"])
            for name, known in images.items()
            if known.get("channel")
        }
        inputs = None
        if self._learner.task.classes and current and current.pixels.info.rgb:
            # Colours of a stain tell tissues apart.
            one = current.pixels.chosen and not current.pixels.rgb
            inputs = 1 if one else 3
        self._learner.use(
            self._board.state.model, channels, locked, inputs, self.instances()
        )

    def set_outlines(self, outlines: bool) -> None:
        """Show outlines, or filled nuclei."""
        self._layers.set_filled(not outlines)
        if self._opener.workspace is not None:
            self._opener.workspace.view.outlines = outlines
        shown = replace(self._board.state.shown, outlines=outlines)
        self._board.update(shown=shown)
        self._opener.bookmark.note()

    def set_probabilities(self, wanted: bool) -> None:
        """Have a layer a class with its probability, or none."""
        self._layers.set_probabilities(wanted)
        if self._opener.workspace is not None:
            self._opener.workspace.view.probabilities = wanted
        shown = replace(self._board.state.shown, probabilities=wanted)
        self._board.update(shown=shown)
        self._predictor.maps.tell_again()
        self._opener.bookmark.note()

    def set_threshold(self, threshold: float) -> None:
        """Count pixels above this probability as nucleus."""
        self._set_instances(threshold=threshold)

    def set_min_size(self, min_size: float) -> None:
        """Leave out nuclei below this share of a typical nucleus's area."""
        self._set_instances(min_size=min_size)

    def instances(self) -> dict[str, float]:
        """Give what the user changed of how maps become nuclei; wrong values: none."""
        workspace = self._opener.workspace
        changed = dict(workspace.view.instances) if workspace is not None else {}
        try:
            replace(self._of_model, **changed)
        except (EngineError, TypeError):
            return {}
        return changed

    def drop_instances(self, learned: Mapping[str, float]) -> None:
        """Make nuclei as the model says that was learned with these wishes.

        Parameters
        ----------
        learned : mapping
            What was changed when its training began. What was changed since, stays.
        """
        if self._opener.workspace is not None:
            changed = self._opener.workspace.view.instances
            for name in [
                name for name in learned if changed.get(name) == learned[name]
            ]:
                del changed[name]

    def take_model(self) -> None:
        """Make nuclei as the model that predicts says, but for what was changed."""
        self._of_model = self._learner.models.instances(self._board.state.model)
        self._predictor.maps.of_model = self._of_model
        self._show_instances()

    def _show_instances(self) -> None:
        changed = self.instances()
        instances = replace(self._of_model, **changed)
        shown = replace(
            self._board.state.shown,
            threshold=instances.threshold,
            min_size=instances.min_size,
        )
        self._board.update(shown=shown)
        self._predictor.maps.label_with(instances if changed else None)

    def _set_instances(self, **values: float) -> None:
        """Change ``threshold`` or ``min_size``, by which maps become nuclei."""
        if self._opener.workspace is not None:
            self._opener.workspace.view.instances.update(values)
            self._show_instances()
            self.tell_learner()
            self._opener.bookmark.note()
