"""Loss and score over the steps of a training, as two small plots."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_unet._panels.look import Word, colour, faint, small

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

    from napari_unet._state import Curve

__all__ = ["CurvePlot"]


class CurvePlot(QWidget):
    """Two plots side by side, each with its last value in words above it."""

    def __init__(self) -> None:
        super().__init__()
        self._curve: Curve | None = None
        self.loss = SmallPlot("Loss", "How far off the model is: lower is better")
        self.score = SmallPlot(
            "Score",
            "Mean average precision on images it does not learn from, 0 to 1: "
            "higher is better",
            top=1.0,
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.loss, 1)
        row.addWidget(self.score, 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say what will be here, while nothing is."""
        if self.loss.made:
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
        self.loss.draw(curve.steps, curve.losses, end)
        self.score.draw(curve.steps, curve.scores, end)

    def prepare(self) -> None:
        """Make the plots before the first point comes; it takes a moment."""
        self.update()
        self.loss.make()
        self.score.make()


def _round_up(value: float) -> float:
    """Give the next round number."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** floor(log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(step * unit for step in steps if value <= step * unit * (1 + 1e-9))


class SmallPlot(QWidget):
    """One curve, without mouse and menus.

    Parameters
    ----------
    name : str
        Stands above it.
    tip : str
        Tooltip.
    top : float, optional
        Upper end of the axis; None: the largest value.
    """

    def __init__(self, name: str, tip: str, top: float | None = None) -> None:
        super().__init__()
        self._name = name
        self._top = top
        self._parts: dict[str, Any] = {}
        self.title = Word(name)
        self.setToolTip(tip)
        # Both plots are equally wide, whatever they show.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self._column.addWidget(self.title)
        self._column.addStretch(1)

    @property
    def made(self) -> bool:
        """Whether the plot itself is there."""
        return bool(self._parts)

    def draw(
        self,
        steps: tuple[int, ...],
        values: tuple[float | None, ...],
        end: int,
    ) -> None:
        """Draw values over steps; None and infinity leave gaps.

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
        self.title.setText(f"{self._name}  {known[-1][1]:.3g}" if known else self._name)
        if known:
            self.make()
        if not self._parts:
            return
        x = [step for step, _ in known]
        y = [value for _, value in known]
        self._parts["curve"].setData(x, y)
        self._parts["last"].setData(x[-1:], y[-1:])
        top = self._top or _round_up(max(y, default=1.0))
        self._parts["view"].setRange(
            xRange=(0, max(end, 1)), yRange=(0, top), padding=0.04, update=True
        )
        self._parts["axis"].setTicks([[(0, "0"), (top, f"{top:g}")]])

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
        canvas.ci.setContentsMargins(0, 6, 4, 8)
        canvas.ci.setSpacing(0)
        view = canvas.ci.addViewBox(0, 1, enableMenu=False, enableMouse=False)
        view.disableAutoRange()
        axis = pg.AxisItem("left", linkView=view, maxTickLength=-4)
        canvas.ci.addItem(axis, 0, 0)
        ground = pg.InfiniteLine(0, angle=0)
        view.addItem(ground)
        curve = pg.PlotCurveItem(antialias=True)
        last = pg.ScatterPlotItem(size=6, pen=None, antialias=True)
        view.addItem(curve)
        view.addItem(last)
        self._parts = {
            **{"canvas": canvas, "view": view, "axis": axis, "ground": ground},
            **{"curve": curve, "last": last},
        }
        axis.setStyle(tickFont=small(self.title.font()), autoExpandTextSpace=True)
        self._tint()
        self._column.takeAt(1)
        self._column.addWidget(canvas, 1)

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
        self._parts["axis"].setTextPen(faint(text, 0.8))
        self._parts["curve"].setPen(pg.mkPen(line, width=2))
        self._parts["last"].setBrush(line)
