"""One button that runs a batch, how far it is, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet._panels.bar import Bar
from napari_unet._panels.button import Button
from napari_unet._panels.look import Lines
from napari_unet._words import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet._batch_state import Run

__all__ = ["RunBox"]

_FACES = {"starting": "Starting…", "running": "Running…", "stopping": "Stopping…"}


class RunBox(QWidget):
    """Run, stop, and what can be done afterwards; what is empty takes no room.

    Parameters
    ----------
    text : str
        What the button says while nothing runs.
    before, behind : sequence of QWidget
        What stands in one line with the button.
    """

    start_requested = Signal()
    stop_requested = Signal()
    retry_requested = Signal()
    results_requested = Signal()
    report_requested = Signal()
    fix_requested = Signal()

    def __init__(
        self,
        text: str,
        before: Sequence[QWidget] = (),
        behind: Sequence[QWidget] = (),
    ) -> None:
        super().__init__()
        self._text = text
        self._run: Run | None = None
        self._hindrance = ""
        self.start_button = Button(text, picture="play")
        self.start_button.clicked.connect(self.start_requested)
        self.stop_button = Button(picture="stop", tip="Cancel; what is done is kept")
        self.stop_button.clicked.connect(self.stop_requested)
        self.bar = Bar("Progress of the batch")
        self.left = Lines(right=True, room="1 h 59 min to go")
        self.sentence = Lines(2)
        self.results_button = Button(
            "Open results", tip="Show images, nuclei and measurements here"
        )
        self.results_button.clicked.connect(self.results_requested)
        self.report_button = Button("Open report", tip="Show the report in the browser")
        self.report_button.clicked.connect(self.report_requested)
        self.retry_button = Button(
            "Retry failed", tip="Try the images that failed again, and no others"
        )
        self.retry_button.clicked.connect(self.retry_requested)
        self.fix_button = Button()
        self.fix_button.clicked.connect(self.fix_requested)
        self._lay_out(before, behind)

    def _lay_out(self, before: Sequence[QWidget], behind: Sequence[QWidget]) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        top = QHBoxLayout()
        top.setSpacing(4)
        self.stop_button.setMinimumWidth(32)
        for widget in before:
            top.addWidget(widget)
            top.addSpacing(6)
        top.addWidget(self.start_button, 1)
        top.addWidget(self.stop_button)
        for widget in behind:
            top.addWidget(widget)
        column.addLayout(top)
        self._progress = QWidget()
        progress = QHBoxLayout(self._progress)
        progress.setContentsMargins(0, 0, 0, 0)
        progress.addWidget(self.bar, 1)
        progress.addWidget(self.left)
        column.addWidget(self._progress)
        column.addWidget(self.sentence)
        self._below = QWidget()
        below = QHBoxLayout(self._below)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(4)
        opening = self.results_button, self.report_button
        for button in (*opening, self.retry_button, self.fix_button):
            below.addWidget(button, 1)
        column.addWidget(self._below)
        for part in (self._progress, self.sentence, self._below):
            part.setVisible(False)

    def show_run(self, run: Run, hindrance: str = "") -> None:
        """Show a batch, and why none can be started; cheap where it is shown."""
        if (run, hindrance) == (self._run, self._hindrance):
            return
        self._run, self._hindrance = run, hindrance
        self.start_button.set_face(_FACES.get(run.phase, self._text), "play")
        self.start_button.setEnabled(not run.busy and not hindrance)
        self.start_button.setToolTip("" if run.busy else hindrance)
        self.stop_button.setEnabled(run.phase in ("starting", "running"))
        self.bar.show_share(run.fraction)
        left = run.seconds_left if run.phase == "running" else None
        self.left.say("" if left is None else f"{in_words(left)} to go")
        bad = run.wrong and not run.busy
        self.sentence.say(_said(run), "wrong" if bad else "text")
        self.sentence.setVisible(bool(run.sentence))
        self._progress.setVisible(run.busy)
        lines = run.sentence, _unlike(run), *run.failures
        self.sentence.setToolTip("\n".join(filter(None, lines)))
        self._below.setVisible(not run.busy and run.report is not None)
        self.retry_button.setVisible(run.failed > 0)
        self.fix_button.setVisible(bool(run.worst))
        if run.worst:
            count = len(run.worst)
            worst = f"the {count} worst" if count > 1 else "it"
            self.fix_button.set_face(f"Fix {worst}", "")
            self.fix_button.setToolTip(
                "Correct in the loop's dock:\n" + "\n".join(p.name for p in run.worst)
            )


def _said(run: Run) -> str:
    """Give what came of it, and which images failed; why is in the tooltip."""
    if run.busy:
        return run.sentence
    parts = [run.sentence, _unlike(run)]
    if run.failures:
        names = ", ".join(failure.partition(": ")[0] for failure in run.failures)
        parts.insert(1, f"Failed: {names}.")
    return " ".join(filter(None, parts))


def _unlike(run: Run) -> str:
    if run.busy or not run.worst:
        return ""
    look = "looks" if run.unlike == 1 else "look"
    images = f"{run.unlike:,} of {run.images:,} images"
    return f"{images} {look} unlike what the model has seen."
