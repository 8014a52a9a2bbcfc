"""Settings that nobody needs at first; closed until somebody looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_unet._panels.button import Button
from unetloop.catalog import (
    ARCHITECTURES,
    CLASS_LOSSES,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
)
from unetloop.config import ModelConfig, TrainingConfig

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent

    from napari_unet._panels.form import Form
    from napari_unet._state import LoopState

__all__ = ["AdvancedPanel"]

_CHOICES = {
    "architecture": tuple(ARCHITECTURES),
    "optimizer": tuple(OPTIMIZERS),
    "schedule": tuple(SCHEDULES),
}
_LOSSES = {
    "nuclei": (*LOSSES, *CLASS_LOSSES),
    "classes": ("default", *CLASS_LOSSES),
}
# They follow from the images and from the architecture.
_NOT_OFFERED = ("channels", "options")
# They mean nothing to the other task.
_NOT_ASKED = {"nuclei": (), "classes": ("diameter", "nuclei")}


class AdvancedPanel(QWidget):
    """The engine's own settings of training and of a new network."""

    settings_changed = Signal(dict)
    model_changed = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task = "nuclei"
        self._sent: dict[str, dict[str, Any]] = {"training": {}, "model": {}}
        self.note = QLabel("Used from the next time that learning starts.", self)
        self.note.setIndent(0)
        self.note.setWordWrap(True)
        self.note.setVisible(False)
        self.forms: dict[str, Form] = {}
        self.reset_button = Button("Reset", tip="Put all settings back")
        self.reset_button.clicked.connect(self._on_reset)
        self.setVisible(False)

    def show(self, state: LoopState) -> None:
        """Say that changes wait, while something is being learned."""
        self.note.setVisible(state.learning.phase != "idle")
        if state.task != self._task:
            self._task = state.task
            if self.forms:
                self._make_forms()

    def write(self, training: dict[str, Any]) -> None:
        """Show settings of training that were made elsewhere, or before."""
        self._sent["training"] = dict(training)
        if self.forms:
            self.forms["training"].write(training)

    def open(self, wanted: bool) -> None:
        """Show all settings, or none."""
        if wanted and not self.forms:
            self._fill()
        self.setVisible(wanted)

    def _fill(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        self._make_forms()
        below = QHBoxLayout()
        below.addWidget(self.note, 1)
        below.addStretch(0)
        below.addWidget(self.reset_button)
        column.addLayout(below)

    def _make_forms(self) -> None:
        """Make the forms of what is segmented, in place of others."""
        # Here and not above: magicgui takes a moment, and the dock opens at once.
        from napari_unet._panels.form import Form

        column = self.layout()
        for form in self.forms.values():
            column.removeWidget(form)
            form.deleteLater()
        choices = {**_CHOICES, "loss": _LOSSES[self._task]}
        self.forms = {
            "model": Form(ModelConfig, choices, _NOT_OFFERED),
            "training": Form(TrainingConfig, choices, _NOT_ASKED[self._task]),
        }
        self.forms["model"].write(self._sent["model"])
        self.forms["training"].write(self._sent["training"])
        for place, form in enumerate(self.forms.values()):
            form.changed.connect(self._on_changed)
            column.insertWidget(place, form)

    def _on_changed(self) -> None:
        for name, signal in (
            ("model", self.model_changed),
            ("training", self.settings_changed),
        ):
            values = self.forms[name].read()
            if values is not None and values != self._sent[name]:
                self._sent[name] = values
                signal.emit(values)

    def _on_reset(self) -> None:
        for form in self.forms.values():
            form.write({})
        self._on_changed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep keys of the fields, Enter above all, from acting on the image."""
        event.accept()
