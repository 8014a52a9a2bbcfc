"""Asks the engine what a batch would do, and how its first image comes out."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._batch_state import FileRow, Plan, Preview
from napari_unet._words import channel_in_words, found_in_words, in_words
from unetloop.mixtures import MIXTURES

if TYPE_CHECKING:
    from napari_unet._batch_state import Wish
    from napari_unet._engine import Engine

__all__ = ["Planner"]

_REST_MS = 300
# A preview must come while one looks: no larger plane or stack than this.
_PREVIEW_PIXELS = 1 << 24
_CHOICES = {
    "done": "done",
    "export": "only to be exported",
    "foreign": "left alone",
    "edited": "left alone",
}
_TOO_LARGE = "The images are large: no preview."


class Planner(QObject):
    """Looks at the files of a wish, a moment after it was changed.

    Signals: ``changed()`` when there is something new to say; ``listed(rows)`` when
    the files are known.

    Parameters
    ----------
    engine : Engine
        Opens and predicts.
    """

    changed = Signal()
    listed = Signal(object)

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plan = Plan()
        self.preview = Preview()
        self._engine = engine
        self._wish: Wish | None = None
        self._job = self._preview_job = ""
        self._first: FileRow | None = None
        self._shown: tuple[object, ...] = ()
        self._folder: Path | None = None
        self._waiting = ""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._ask)
        engine.received.connect(self._on_event)

    def use_engine(self, engine: Engine) -> None:
        """Ask another engine from now on."""
        self.rest()
        self._engine.received.disconnect(self._on_event)
        self._engine = engine
        engine.received.connect(self._on_event)

    def look(self, wish: Wish) -> None:
        """Look at the files of this wish, soon."""
        self.rest()
        self._wish = wish
        if not wish.paths:
            self._tell(Plan(), Preview())
            self.listed.emit(())
            return
        self._tell(replace(self.plan, phase="looking"), self.preview)
        self._rest.start()

    def rest(self) -> None:
        """Stop looking: something else is to be done."""
        self._rest.stop()
        for job in filter(None, (self._job, self._preview_job)):
            self._engine.cancel(job)
        if self._preview_job:
            self.preview = replace(self.preview, sentence="")
        self._job = self._preview_job = ""

    def set_waiting(self, why: str) -> None:
        """Say for what the engine lets a preview wait; empty: for nothing."""
        self._waiting = why
        if self._preview_job and self.preview.picture is None:
            self._tell(self.plan, Preview(sentence=self._predicting(), coming=True))

    def close(self) -> None:
        """Stop, and remove the preview's files."""
        self._rest.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self) -> None:
        if self._wish is not None:
            self._job = self._engine.send("plan_folder", **self._wish.command())

    def _on_event(self, event: dict[str, Any]) -> None:
        job = event.get("job")
        if self._job and job == self._job:
            self._on_plan_event(event)
        elif self._preview_job and job == self._preview_job:
            self._on_preview_event(event)

    def _on_plan_event(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "Progress" and event.get("total"):
            sentence = (
                f"Looking at the images: {round(event['done']):,} of "
                f"{round(event['total']):,}"
            )
            self._tell(replace(self.plan, sentence=sentence), self.preview)
        elif kind == "Failed":
            self._job = ""
            # The command line's word for it says nothing here.
            said = str(event.get("message", ""))
            said = said.replace("--recursive", '"Folders below, too"')
            self._tell(Plan("wrong", said), Preview())
            self.listed.emit(())
        elif kind == "JobDone":
            self._job = ""
            if not event.get("cancelled"):
                self._on_planned(event["result"])

    def _on_planned(self, found: dict[str, Any]) -> None:
        rows = tuple(_row(file) for file in found["files"])
        files = {str(file["path"]): file for file in found["files"]}
        readable = [row for row in rows if row.status != "unreadable"]
        small = (row for row in readable if _pixels(files[row.path]) <= _PREVIEW_PIXELS)
        self._first = next(small, None)
        names = (name for row in readable for name in _channels(files[row.path]))
        channels = tuple(dict.fromkeys(names))
        plan = Plan(
            "known",
            _sentence(found),
            _sentence(found, anew=True),
            channels,
            len(readable),
        )
        self.listed.emit(rows)
        shown = self._what_is_shown()
        if self.preview.folder is not None and shown and shown == self._shown:
            self._tell(plan, self.preview)  # nothing changed that can be seen in it
            return
        said = "" if self._first or not readable else _TOO_LARGE
        self._shown = shown
        self._tell(plan, Preview(sentence=said))
        if self._first is not None and self._wish is not None:
            self._ask_for_preview(self._wish, self._first)

    def _what_is_shown(self) -> tuple[object, ...]:
        """Give what a preview depends on; nothing where there is to be none."""
        if self._first is None or self._wish is None:
            return ()
        asked = self._wish.command()
        names = ("model", "channel", "diameter", "instances")
        path = Path(self._first.path)
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return (self._first.path, changed, *(asked[name] for name in names))

    def _ask_for_preview(self, wish: Wish, first: FileRow) -> None:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="unet-loop-preview-"))
        values = {
            **wish.command(),
            "paths": [first.path],
            "out": str(self._folder / "preview"),
            "exports": ["overlay"],
            "overwrite": True,
        }
        self.preview = Preview(sentence=self._predicting(), coming=True)
        # What was shown before must not be taken for this image.
        shutil.rmtree(self._folder / "preview", ignore_errors=True)
        self._preview_job = self._engine.send("predict_folder", **values)
        self.changed.emit()

    def _predicting(self) -> str:
        name = self._first.name if self._first is not None else ""
        return self._waiting or f"Predicting {name}…"

    def _on_preview_event(self, event: dict[str, Any]) -> None:
        kind, first = event["event"], self._first
        if kind == "ImagePredicted" and first is not None and self._folder is not None:
            picture = next((self._folder / "preview").rglob("*.png"), None)
            said = f"{first.name}: {found_in_words(event)}"
            if event.get("diameter") is not None:
                said += f", {float(event['diameter']):.0f} px across"
            self._tell(self.plan, Preview(picture, None, said))
        elif kind == "ImageFailed":
            self._tell(self.plan, Preview(sentence=str(event["reason"])))
        elif kind == "Failed":
            self._preview_job = ""
            self._tell(self.plan, Preview(sentence=str(event.get("message", ""))))
        elif kind == "JobDone":
            self._preview_job = ""
            if self.preview.picture is not None and self._folder is not None:
                whole = replace(self.preview, folder=self._folder / "preview")
                self._tell(self.plan, whole)

    def _tell(self, plan: Plan, preview: Preview) -> None:
        self.plan, self.preview = plan, preview
        self.changed.emit()


def _pixels(file: dict[str, Any]) -> int:
    return int(file["planes"]) * int(file["height"]) * int(file["width"])


def _channels(file: dict[str, Any]) -> list[str]:
    """List the channels that an image can be read by."""
    names = [str(name) for name in file["channel_names"]]
    return [*MIXTURES.values(), *names] if "S" in str(file["axes"]) else names


def _row(file: dict[str, Any]) -> FileRow:
    path, name = str(file["path"]), str(file["name"])
    if int(file.get("parts", 1)) > 1:
        name += f" and {int(file['parts']) - 1:,} more"
    if "error" in file:
        return FileRow(path, name, status="unreadable", said=str(file["error"]))
    size = f"{file['width']:,} × {file['height']:,}"
    if int(file["planes"]) > 1:
        size += f" × {file['planes']:,}"
    channel = ", ".join(channel_in_words(str(item)) for item in file["reads"])
    choice = str(file["choice"])
    status = "done" if choice == "done" else "waits"
    said = _CHOICES.get(choice, "")
    return FileRow(path, name, size, str(file["axes"]), channel, status, said)


def _sentence(found: dict[str, Any], anew: bool = False) -> str:
    """Say in one line what was found, and what it takes."""
    count, wrong = len(found["files"]), len(found["problems"])
    images = f"{count:,} image" + ("s" if count != 1 else "")
    files = sum(int(file.get("parts", 1)) for file in found["files"])
    if files > count:
        images += f" in {files:,} files"
    if wrong:
        images += f", {wrong:,} of them can't be read"
    cost = found["anew"] if anew else found
    parts = [images]
    if cost["bytes"]:
        parts.append(f"about {in_words(float(cost['seconds']))}")
        parts.append(_bytes(float(cost["bytes"])))
    if not anew:
        parts += _done_in_words(found)
    return " · ".join(parts)


def _done_in_words(found: dict[str, Any]) -> list[str]:
    """Say what is not to be predicted."""
    if found["done"] == len(found["files"]):
        return ["all done already"]
    words = (
        ("exported", "only to be exported"),
        ("done", "done already"),
        ("left_alone", "left alone: their results are not ours, or were changed"),
    )
    return [f"{found[name]:,} {text}" for name, text in words if found[name]]


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{max(round(count / 1e3), 1)} kB"
