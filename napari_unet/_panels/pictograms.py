"""Pictograms of one colour, drawn as lines so that they fit theme and screen."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

__all__ = ["draw_pictogram"]


def draw_pictogram(painter: QPainter, name: str, box: QRectF, tint: QColor) -> None:
    """Draw a pictogram of one colour.

    Parameters
    ----------
    painter : QPainter
        Where to.
    name : str
        A state of an image, or ``"previous"``, ``"next"``, ``"play"``, ``"pause"``,
        ``"stop"``, ``"closed"``, ``"open"``, ``"ticked"``, ``"unticked"``,
        ``"unlocked"``, ``"warning"``, ``"add"``, ``"more"``, ``"dismiss"``.
    box : QRectF
        Square to draw into.
    tint : QColor
        Its colour.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(box.topLeft())
    painter.scale(box.width() / 12, box.height() / 12)
    pen = QPen(tint, 1.4)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    if name in ("untouched", "proposed", "in work", "done"):
        _draw_progress(painter, name, pen)
    elif name in ("locked", "unlocked"):
        _draw_padlock(painter, open_=name == "unlocked", tint=tint)
    elif name in ("missing", "warning"):
        painter.drawPolygon(_polygon((6, 1), (11.2, 10.8), (0.8, 10.8)))
        painter.drawLine(QPointF(6, 4.6), QPointF(6, 7.2))
        painter.drawPoint(QPointF(6, 9.2))
    elif name in ("ticked", "unticked"):
        painter.drawRoundedRect(QRectF(0.8, 0.8, 10.4, 10.4), 1.5, 1.5)
        if name == "ticked":
            painter.drawPolyline(_polygon((3.2, 6.2), (5.2, 8.2), (8.8, 3.8)))
    elif name == "add":
        painter.drawLine(QPointF(6, 1.8), QPointF(6, 10.2))
        painter.drawLine(QPointF(1.8, 6), QPointF(10.2, 6))
    elif name == "dismiss":
        painter.drawLine(QPointF(2.6, 2.6), QPointF(9.4, 9.4))
        painter.drawLine(QPointF(9.4, 2.6), QPointF(2.6, 9.4))
    elif name == "more":
        painter.setBrush(tint)
        for x in (1.9, 6, 10.1):
            painter.drawEllipse(QPointF(x, 6), 0.7, 0.7)
    elif name in ("closed", "open"):
        if name == "open":
            painter.translate(12, 0)
            painter.rotate(90)
        painter.drawPolyline(_polygon((4.2, 2.4), (7.8, 6), (4.2, 9.6)))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tint)
        _draw_control(painter, name)
    painter.restore()


def _polygon(*points: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in points])


def _draw_progress(painter: QPainter, name: str, pen: QPen) -> None:
    """Draw a circle that is dotted, empty, half full or full with a tick."""
    circle = QRectF(1.2, 1.2, 9.6, 9.6)
    if name == "untouched":
        dots = QPen(pen)
        dots.setDashPattern([0.1, 2.2])
        painter.setPen(dots)
        painter.drawEllipse(circle)
        return
    if name == "done":
        path = QPainterPath()
        path.addEllipse(circle)
        painter.fillPath(path, pen.color())
        painter.drawEllipse(circle)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        tick = QPen(pen)
        tick.setColor(QColor("white" if pen.color().lightness() < 120 else "black"))
        tick.setWidthF(1.6)
        painter.setPen(tick)
        painter.drawPolyline(_polygon((3.6, 6.2), (5.4, 8), (8.6, 4.2)))
        return
    painter.drawEllipse(circle)
    if name == "in work":
        painter.setBrush(pen.color())
        painter.drawChord(circle, 90 * 16, 180 * 16)


def _draw_padlock(painter: QPainter, *, open_: bool, tint: QColor) -> None:
    shackle = QPainterPath(QPointF(3.6, 5.6))
    shackle.lineTo(3.6, 3.8)
    shackle.arcTo(QRectF(3.6, 1.2, 4.8, 4.8), 180, -180)
    if not open_:
        shackle.lineTo(8.4, 5.6)
    painter.drawPath(shackle)
    body = QPainterPath()
    body.addRoundedRect(QRectF(1.8, 5.6, 8.4, 5.6), 1, 1)
    painter.fillPath(body, tint)


def _draw_control(painter: QPainter, name: str) -> None:
    if name == "play":
        painter.drawPolygon(_polygon((2.5, 1), (11, 6), (2.5, 11)))
    elif name == "pause":
        painter.drawRoundedRect(QRectF(2, 1.2, 3, 9.6), 0.8, 0.8)
        painter.drawRoundedRect(QRectF(7, 1.2, 3, 9.6), 0.8, 0.8)
    elif name == "stop":
        painter.drawRoundedRect(QRectF(1.8, 1.8, 8.4, 8.4), 1, 1)
    elif name == "next":
        painter.drawPolygon(_polygon((3.5, 1.2), (10, 6), (3.5, 10.8)))
    elif name == "previous":
        painter.drawPolygon(_polygon((8.5, 1.2), (2, 6), (8.5, 10.8)))
