"""A thin bar that says how far something is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QProgressBar

from napari_unet._panels.look import colour, faint

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

__all__ = ["Bar"]

_THOUSANDTHS, _HEIGHT = 1000, 6


class Bar(QProgressBar):
    """Seen in every theme, where napari's is grey on grey.

    Parameters
    ----------
    name : str
        Of what it is the progress, for those who can't see what stands around it.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setRange(0, _THOUSANDTHS)
        self.setFixedHeight(_HEIGHT)

    def show_share(self, share: float) -> None:
        """Say how much is done, 0..1."""
        self.setValue(round(_THOUSANDTHS * share))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        box, round_by = QRectF(self.rect()), self.height() / 2
        painter.setBrush(faint(colour(self, "text"), 0.2))
        painter.drawRoundedRect(box, round_by, round_by)
        box.setWidth(box.width() * max(self.value(), 0) / _THOUSANDTHS)
        painter.setBrush(colour(self, "done"))
        painter.drawRoundedRect(box, round_by, round_by)
