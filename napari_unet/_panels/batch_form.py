"""What is to be predicted, with what, and where to: the form of the batch dock."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, LineEdit
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QMenu, QWidget

from napari_unet._batch_state import read_paths
from napari_unet._panels.button import Button
from napari_unet._panels.look import Lines, Word, write_at
from napari_unet._words import channel_in_words
from unetloop.catalog import CLASS_EXPORTERS, EXPORTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QObject
    from qtpy.QtGui import QKeyEvent

    from napari_unet._batch_state import BatchState, Wish

__all__ = ["BatchForm"]

_AUTO = "auto"
_NAMES = {
    "rois": "ImageJ ROIs",
    "geojson": "GeoJSON (QuPath)",
    "coco": "COCO",
    "overlay": "Pictures",
    "ome_zarr": "OME-Zarr",
    "probabilities": "Probabilities",
}
_ACROSS = 3
_CHANNEL = {False: "Channel with the nuclei", True: "Channel that the model looks at"}
_REFUSED = (
    "“{}” was not taken: type a number of pixels above 0, such as 25, or nothing."
)
_SAMPLE = "/data/plate1 or /data/*/dapi_*.tif"


class BatchForm(QWidget):
    """Widgets of magicgui, in napari's own style.

    Signal: ``changed(values)``, fields of `Wish` that the user changed.
    """

    changed = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._showing = False
        self._wish: Wish | None = None
        self.paths = LineEdit(
            tooltip="Files, folders or patterns such as /data/*/dapi_*.tif, parted by "
            "';'. They can be dropped onto the dock, too"
        )
        self.paths.native.setPlaceholderText(_SAMPLE)
        self.recursive = CheckBox(text="Folders below, too")
        self.model = ComboBox(tooltip="Model that predicts")
        self.channel = ComboBox(tooltip=_CHANNEL[False])
        self.diameter = LineEdit(
            tooltip="Diameter of a nucleus in pixels; auto: estimated for each image"
        )
        self.diameter.native.setPlaceholderText(_AUTO)
        self.refused = Lines(2)
        self.refused.setVisible(False)
        named = Word("Diameter")
        _name(self.diameter, named)
        self._of_nuclei = (named, self.diameter.native, Word("px"))
        self._classes = False
        self.exports = {
            name: CheckBox(text=_NAMES.get(name, name), tooltip=entry.help.capitalize())
            for name, entry in {**EXPORTERS, **CLASS_EXPORTERS}.items()
        }
        self.out = LineEdit(tooltip="Folder for masks, tables and the report")
        self.overwrite = CheckBox(
            text="Overwrite",
            tooltip="Predict everything again, and replace what is there",
        )
        for line in (self.paths, self.out):  # files are dropped onto the dock
            line.native.setAcceptDrops(False)
        self.choose_button = Button("Choose…", tip="Choose images")
        self.menu = QMenu(self)
        self.menu.addAction("Files…", self._choose_files)
        self.menu.addAction("Folder…", self._choose_folder)
        self.choose_button.clicked.connect(self._show_menu)
        self.model_button = Button("Other…", tip="Choose the folder of a model")
        self.model_button.clicked.connect(self._choose_model)
        self.out_button = Button("Choose…", tip="Choose the folder for results")
        self.out_button.clicked.connect(self._choose_out)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.also = QWidget()
        self._boxes = QGridLayout(self.also)
        self._boxes.setContentsMargins(0, 0, 0, 0)
        self._boxes.setSpacing(6)
        self._boxes.setColumnStretch(_ACROSS, 1)
        self._offer_exports()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for line, (name, *widgets) in enumerate(
            (
                ("Images", self.paths, self.choose_button),
                ("", self.recursive),
                ("Model", self.model, self.model_button),
                ("Channel", self.channel, *self._of_nuclei),
                ("", self.refused),
                ("Also", self.also),
                ("Results", self.out, self.out_button),
                ("", self.overwrite),
            )
        ):
            if name:
                word = Word(str(name))
                grid.addWidget(word, line, 0)
                if name == "Also":  # beside the first of two lines of formats
                    grid.setAlignment(word, Qt.AlignmentFlag.AlignTop)
                _name(widgets[0], word)
            grid.addLayout(_row(widgets), line, 1)

    def _offer_exports(self) -> None:
        """Lay out the formats that there are for what the model finds."""
        known = CLASS_EXPORTERS if self._classes else EXPORTERS
        for name, box in self.exports.items():
            self._boxes.removeWidget(box.native)
            box.native.setVisible(name in known)
        for place, name in enumerate(known):
            self._boxes.addWidget(self.exports[name].native, *divmod(place, _ACROSS))

    def _show_kind(self, classes: bool) -> None:
        """Show what there is to choose for a model of nuclei, or one of classes."""
        if classes == self._classes:
            return
        self._classes = classes
        self._offer_exports()
        self.channel.tooltip = _CHANNEL[classes]
        for widget in self._of_nuclei:
            widget.setVisible(not classes)

    def _connect(self) -> None:
        self.paths.native.editingFinished.connect(self._on_paths)
        self.out.native.editingFinished.connect(self._on_out)
        self.diameter.native.editingFinished.connect(self._on_diameter)
        self.recursive.changed.connect(lambda on: self._say(recursive=bool(on)))
        self.overwrite.changed.connect(lambda on: self._say(overwrite=bool(on)))
        self.model.changed.connect(lambda where: self._say(model=str(where)))
        self.channel.changed.connect(lambda name: self._say(channel=str(name or "")))
        for box in self.exports.values():
            box.changed.connect(self._on_exports)
        for widget in (self.model, self.channel):
            widget.native.installEventFilter(self)
            for part in widget.native.children():
                part.installEventFilter(self)

    def show(self, state: BatchState) -> None:
        """Show what is wished, and what there is to choose from."""
        wish = state.wish
        self._showing = True
        try:
            self._show_kind(wish.classes)
            _choose(self.model, state.models, wish.model)
            names = [(channel_in_words(name), name) for name in state.plan.channels]
            if wish.channel and wish.channel not in (value for _, value in names):
                names.append((wish.channel, wish.channel))
            _choose(self.channel, [(_AUTO, ""), *names], wish.channel)
            if wish == self._wish:
                return
            self._wish = wish
            _write(self.paths, "; ".join(wish.paths))
            _write(self.out, wish.out)
            self.out.native.setPlaceholderText(wish.folder)
            self.out.native.setToolTip(wish.folder or self.out.tooltip)
            _write(self.diameter, "" if not wish.diameter else f"{wish.diameter:.6g}")
            self.recursive.value = wish.recursive
            self.overwrite.value = wish.overwrite
            for name, box in self.exports.items():
                box.value = name in wish.exports
        finally:
            self._showing = False

    def _say(self, **values: Any) -> None:
        if not self._showing:
            self.changed.emit(values)

    def _on_paths(self) -> None:
        given = read_paths(self.paths.value)
        paths = tuple(str(Path(path).expanduser().absolute()) for path in given)
        if self._wish is None or paths != self._wish.paths:
            # Results of other images go elsewhere.
            self._say(paths=paths, out="")

    def _on_out(self) -> None:
        text = self.out.value.strip()
        out = str(Path(text).expanduser().absolute()) if text else ""
        if self._wish is None or out != self._wish.out:
            self._say(out=out)

    def _on_diameter(self) -> None:
        if not self.diameter.native.isModified():
            return
        text = self.diameter.value.strip().lower().removesuffix("px").replace(",", ".")
        try:
            value = float(text) if text not in ("", _AUTO) else None
        except ValueError:
            value = -1.0
        refused = value is not None and not 0 < value < float("inf")
        self.refused.say(_REFUSED.format(text) if refused else "")
        self.refused.setVisible(refused)
        if refused:  # what was there before
            before = self._wish.diameter if self._wish else None
            self.diameter.value = f"{before:.6g}" if before else ""
            return
        if self._wish is None or value != self._wish.diameter:
            self._say(diameter=value)

    def _on_exports(self) -> None:
        self._say(exports=tuple(n for n, box in self.exports.items() if box.value))

    def _show_menu(self) -> None:
        below = self.choose_button.rect().bottomLeft()
        self.menu.popup(self.choose_button.mapToGlobal(below))

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Images to predict", self._near())
        if names:
            self._say(paths=tuple(names), out="")

    def _choose_folder(self) -> None:
        self._choose("Folder of images to predict", lambda name: {"paths": (name,)})

    def _choose_out(self) -> None:
        self._choose("Folder for the results", lambda name: {"out": name})

    def _choose_model(self) -> None:
        self._choose("Folder of a model", lambda name: {"model": name})

    def _choose(self, title: str, values: Any) -> None:
        name = QFileDialog.getExistingDirectory(self, title, self._near())
        if name:
            self._say(**values(name))

    def _near(self) -> str:
        return next(iter(self._wish.paths), "") if self._wish else ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep keys of the fields, Enter above all, from acting on the image."""
        event.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave the wheel to what scrolls: no setting changes by accident."""
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))


def _name(field: Any, word: Word) -> None:
    """Say what a field is, and have what is typed there as large as the word."""
    native = getattr(field, "native", field)
    native.setAccessibleName(word.text())
    if isinstance(field, LineEdit):
        word.rewritten.connect(partial(write_at, native))


def _row(widgets: Sequence[Any]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        if isinstance(widget, QWidget | CheckBox):
            row.addWidget(getattr(widget, "native", widget))
        else:
            widget.native.setMinimumWidth(48)
            row.addWidget(widget.native, 1)
    if isinstance(widgets[-1], CheckBox):
        row.addStretch(1)
    return row


def _choose(box: Any, choices: Sequence[tuple[str, str]], value: str) -> None:
    """Show choices and the chosen one; cheap where they are shown already."""
    if tuple(box.choices) != tuple(where for _, where in choices):
        box.choices = list(choices)
    if box.value != value:
        box.value = value


def _write(line: Any, text: str) -> None:
    if line.value != text and not line.native.hasFocus():
        line.value = text
