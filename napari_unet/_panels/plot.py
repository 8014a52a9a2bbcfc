"""Score and loss over the steps of a training, as two small plots."""

from __future__ import annotations

from math import ceil, floor, inf, isfinite, log10
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_unet._panels.look import Word, colour, faint, small

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent, QResizeEvent

    from napari_unet._curve import Curve

__all__ = ["CurvePlot"]

_LEAST_HEIGHT = 30  # of a plot that can be read; else what stands above it must do


# Of which images the score is: what stands above, and what the tooltip says of them.
_SCORED = {
    True: ("Score, held out", "on parts of the images that it does not learn from."),
    False: (
        "Score, corrected",
        "on parts of the images that you corrected and it learns from. Keep an image "
        "for scoring only to see how good it is elsewhere.",
    ),
}
_MEASURES = {
    "mean_ap": "How well its nuclei agree with yours, 0 to 1: the mean average "
    "precision where outlines have to overlap by 50, 55 … 95 % (IoU). It is strict: a "
    "nucleus that is missed, or is none, counts, and so does an outline that is a "
    "pixel off. Scored ",
    "mean_iou": "How well its areas agree with yours, 0 to 1: their overlap (IoU), "
    "averaged over the classes. Scored ",
}


def _explain(measure: str, held_out: bool) -> str:
    """Say what a score is."""
    start = _MEASURES.get(measure, "Scored ")
    return f"{start}{_SCORED[held_out][1]} Dashed: before it began"


class CurvePlot(QWidget):
    """Two plots side by side, each with its first and last value above it."""

    def __init__(self) -> None:
        super().__init__()
        self._curve: Curve | None = None
        self.score = SmallPlot("Score", _explain("mean_ap", False), least=0.1, most=1.0)
        self.loss = SmallPlot(
            "Loss", "How far off the model is: lower is better", least=0.02
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.score, 4)
        row.addWidget(self.loss, 3)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say what will be here, while nothing is."""
        if self._curve is not None and self._curve.steps:
            return
        painter = QPainter(self)
        painter.setFont(self.loss.title.written_font())
        painter.setPen(faint(colour(self, "text"), 0.6))
        middle = Qt.AlignmentFlag.AlignCenter
        painter.drawText(self.rect(), middle, "Curves grow here while it learns")

    def show_curve(self, curve: Curve) -> None:
        """Draw a curve; cheap where it is drawn already."""
        if curve is self._curve:
            return
        self._curve = curve
        end = curve.steps[-1] if curve.steps else 0
        self.update()
        scored = any(score is not None for score in curve.scores)
        tip = _explain(curve.measure, curve.held_out)
        self.score.name(_SCORED[curve.held_out][0] if scored else "Score", tip)
        self.loss.draw(curve.steps, curve.losses, end)
        self.score.draw(curve.steps, curve.scores, end)

    def prepare(self) -> None:
        """Make the plots before the first point comes; it takes a moment."""
        self.update()
        self.loss.make()
        self.score.make()


def _round_ends(
    low: float, high: float, least: float, most: float
) -> tuple[float, float]:
    """Give round numbers around values, at least so far apart, from 0 to ``most``."""
    missing = max(least - (high - low), 0.0) / 2
    low = max(low - missing, 0.0)
    high = max(high + missing, low + least)
    half = (high - low) / 2 * (1 + 1e-9)
    unit = 10.0 ** floor(log10(half))
    unit *= next((step for step in (5, 2) if step * unit <= half), 1)
    bottom = floor(low / unit + 1e-9) * unit
    return bottom, min(ceil(high / unit - 1e-9) * unit, most)


class SmallPlot(QWidget):
    """One curve, without mouse and menus.

    Parameters
    ----------
    name : str
        Stands above it.
    tip : str
        Tooltip.
    least : float
        What the axis spans at least, so that noise does not look like a change.
    most : float, optional
        Values are never larger.
    """

    def __init__(self, name: str, tip: str, least: float, most: float = inf) -> None:
        super().__init__()
        self._name = name
        self._limits = least, most
        self._parts: dict[str, Any] = {}
        self._drawn = True
        self.title = Word(name)
        self.setToolTip(tip)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self._column.addWidget(self.title)
        self._column.addStretch(1)

    def name(self, name: str, tip: str) -> None:
        """Say what is drawn; shown with the next curve."""
        self._name = name
        self.setToolTip(tip)

    def draw(
        self,
        steps: tuple[int, ...],
        values: tuple[float | None, ...],
        end: int,
    ) -> None:
        """Draw values over steps; None and infinity are left out.

        Parameters
        ----------
        steps, values : tuple
            Of the same length.
        end : int
            Last step of the axis.
        """
        known = [
            (step, value)
            for step, value in zip(steps, values, strict=True)
            if value is not None and isfinite(value)
        ]
        told = dict.fromkeys(f"{known[at][1]:.2f}" for at in (0, -1) if known)
        self.title.setText("  ".join(filter(None, (self._name, " → ".join(told)))))
        if known:
            self.make()
        if not self._parts:
            return
        self._drawn = bool(steps)
        self._fit()
        x = [step for step, _ in known]
        y = [value for _, value in known]
        self._parts["curve"].setData(x, y)
        self._parts["last"].setData(x[-1:], y[-1:])
        ends = _round_ends(min(y), max(y), *self._limits) if y else (0.0, 1.0)
        self._parts["view"].setRange(
            xRange=(0, max(end, 1)), yRange=ends, padding=0.04, update=True
        )
        self._parts["axis"].setTicks([[(value, f"{value:.4g}") for value in ends]])
        self._parts["ground"].setValue(ends[0])
        self._parts["before"].setValue(y[0] if y else ends[0])
        self._parts["before"].setVisible(len(y) > 1)

    def curve(self) -> tuple[list[float], list[float]]:
        """Give steps and values of the curve that is drawn."""
        if not self._parts:
            return [], []
        x, y = self._parts["curve"].getData()
        return ([], []) if x is None else (list(x), list(y))

    def make(self) -> None:
        """Make the plot itself; until then only its title is there."""
        if self._parts:
            return
        # Here and not above: it takes a moment to load, and the dock opens at once.
        import pyqtgraph as pg

        canvas = pg.GraphicsLayoutWidget()
        # The wheel scrolls the dock, the tooltip is this widget's.
        canvas.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.setBackground(None)
        policy = canvas.sizePolicy()
        policy.setVerticalPolicy(QSizePolicy.Policy.Ignored)  # as high as there is room
        policy.setRetainSizeWhenHidden(True)  # the title stays where it is
        canvas.setSizePolicy(policy)
        canvas.ci.setContentsMargins(0, 6, 4, 8)
        canvas.ci.setSpacing(0)
        view = canvas.ci.addViewBox(0, 1, enableMenu=False, enableMouse=False)
        view.disableAutoRange()
        axis = pg.AxisItem("left", linkView=view, maxTickLength=-4)
        canvas.ci.addItem(axis, 0, 0)
        ground = pg.InfiniteLine(0, angle=0)
        before = pg.InfiniteLine(0, angle=0)
        view.addItem(ground)
        view.addItem(before)
        curve = pg.PlotCurveItem(antialias=True)
        last = pg.ScatterPlotItem(size=6, pen=None, antialias=True)
        view.addItem(curve)
        view.addItem(last)
        self._parts = {
            **{"canvas": canvas, "view": view, "axis": axis, "ground": ground},
            **{"before": before, "curve": curve, "last": last},
        }
        axis.setStyle(tickFont=small(self.title.font()), autoExpandTextSpace=True)
        self._tint()
        self._column.takeAt(1)
        self._column.addWidget(canvas, 1)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Have a plot where there is room for one."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._parts:
            room = self.height() - self.title.height()
            self._parts["canvas"].setVisible(self._drawn and room >= _LEAST_HEIGHT)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if self._parts and event.type() in (
            QEvent.Type.StyleChange,
            QEvent.Type.PaletteChange,
        ):
            self._tint()

    def _tint(self) -> None:
        import pyqtgraph as pg

        # It keeps a picture of the ground that is still the old theme's.
        self._parts["canvas"].resetCachedContent()
        text, line = colour(self, "text"), colour(self, "done")
        for part in ("axis", "ground"):
            self._parts[part].setPen(pg.mkPen(faint(text, 0.4)))
        dashed = pg.mkPen(faint(text, 0.6), style=Qt.PenStyle.DashLine)
        self._parts["before"].setPen(dashed)
        self._parts["axis"].setTextPen(faint(text, 0.8))
        self._parts["curve"].setPen(pg.mkPen(line, width=2))
        self._parts["last"].setBrush(line)
