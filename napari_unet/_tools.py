"""Single keys and dragged lines on the image -> what is to be corrected, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._nuclei import NUCLEI

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet._layers import Layers
    from napari_unet._task import Task

__all__ = ["Tools"]

_ONE_PLANE = 'napari\'s "n edit dim" stays at 2: only the plane in view is painted.'
_NOT_OF_NUCLEI = frozenset({"stop", "outlines", "next", "previous"})


class Tools(QObject):
    """The tools of one viewer.

    Signals: ``wanted(name, where)``, ``where`` a pixel (row, column), an array
    (n, 2) of a dragged line, a box, or None; ``armed(name)`` when a tool waits
    for the mouse, with an empty name when none does any more; ``said(text, level)``.

    Parameters
    ----------
    layers : Layers
        Says what is under the pointer.
    """

    wanted = Signal(str, object)
    armed = Signal(str)
    said = Signal(str, str)

    def __init__(self, layers: Layers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._viewer = layers.viewer
        self._tool = ""
        self._nuclei: Any = None
        self._task: Task = NUCLEI
        self._bind()
        self._viewer.mouse_drag_callbacks.append(self._on_drag)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        layers.made.connect(self._on_made)

    @property
    def tool(self) -> str:
        """The tool that is armed; empty: none."""
        return self._tool

    def take(self, task: Task) -> None:
        """Have the tools and keys of what is segmented."""
        if task is not self._task:
            self.disarm()
            if task.name != self._task.name:  # a class's brush would paint nuclei
                self._layers.hand.stop_brush()
            self._unbind()
            self._task = task
            self._bind()

    def press(self, name: str) -> None:
        """Do what a key says, at the pointer."""
        if self._is_out_of_sight(name):
            return
        if name == "stop":
            self.disarm()
            self._layers.hand.stop_brush()  # napari's own is no tool that is armed
        elif name == "part":
            self.arm("box")
        elif self._is_out_of_reach(name):
            return
        elif name in self._task.at_once:
            self.disarm()
            self._layers.ensure()
            where = self._layers.pixel(self._viewer.cursor.position)
            if where is not None:
                self.wanted.emit(name, where)
        elif name in self._dragged - {"box"} or name == "new":
            self.arm(name)
        else:
            if name == "box":
                self.disarm()
            self.wanted.emit(name, None)

    def choose(self, name: str) -> None:
        """Do what a button says: what its key does, but at the next click."""
        if name in ("box", "part"):
            self.press(name)
        else:
            self.arm(name)

    def arm(self, name: str) -> None:
        """Let a tool wait for the mouse: a click, a dragged line, or a box."""
        self.disarm()
        if self._is_out_of_sight(name):
            return
        if name not in self._of_planes:
            self.wanted.emit(name, None)
            return
        if self._is_out_of_reach(name):
            return
        self._layers.ensure()
        self._tool = name
        if name == "new":
            self.wanted.emit(name, None)
        else:
            self._layers.hand.hold_camera()
        self.armed.emit(name)

    def disarm(self) -> None:
        """Let the mouse move the camera again."""
        if not self._tool:
            return
        self._tool = ""
        self._layers.hand.stop_brush()
        self._layers.draw_line(self._layers.plane, [])
        self.armed.emit("")

    def close(self) -> None:
        """Give the keys and the mouse back."""
        self._unbind()
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        if self._nuclei is not None:
            self._nuclei.events.mode.disconnect(self._on_mode)
            self._nuclei.events.n_edit_dimensions.disconnect(self._on_depth)
        if self._on_drag in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_drag)

    @property
    def _dragged(self) -> frozenset[str]:
        return self._task.lines | self._task.boxes

    @property
    def _of_planes(self) -> frozenset[str]:
        return self._task.at_once | self._dragged | {"new"}

    def _is_out_of_reach(self, name: str) -> bool:
        """Whether a tool can't be used in 3-D, or on other axes; it says so."""
        away = self._layers.nuclei is not None and not self._layers.flat
        if away and name in self._of_planes:
            self.said.emit(
                "Corrections are made plane by plane: go back to 2-D, with rows and "
                "columns on the screen.",
                "info",
            )
        return away and name in self._of_planes

    def _is_out_of_sight(self, name: str) -> bool:
        """Whether nobody sees what a tool would change; it is shown, and said."""
        why = "" if name in _NOT_OF_NUCLEI else self._layers.come_forward()
        if why:
            text = f"The {self._task.layer} were {why}: look, then correct."
            self.said.emit(text, "info")
        return bool(why)

    def _bind(self) -> None:
        for name, key in self._task.keys.items():
            for owner in (self._viewer, self._nuclei):
                if owner is not None:
                    owner.bind_key(key, self._action(name), overwrite=True)

    def _unbind(self) -> None:
        for key in self._task.keys.values():
            for owner in (self._viewer, self._nuclei):
                if owner is not None:
                    owner.bind_key(key, None)

    def _action(self, name: str) -> Callable[[Any], None]:
        def act(owner: Any) -> None:
            self.press(name)

        return act

    def _on_made(self) -> None:
        self._nuclei = self._layers.nuclei
        self._bind()
        self._nuclei.events.mode.connect(self._on_mode)
        self._nuclei.events.n_edit_dimensions.connect(self._on_depth)

    def _on_mode(self, event: Any) -> None:
        """Leave Enter to napari's polygon while it is drawn."""
        layer = self._nuclei
        own = None if str(layer.mode) == "polygon" else self._action("box")
        layer.bind_key(self._task.keys["box"], own, overwrite=True)
        if self._tool == "new" and layer.mode != "paint":
            self._tool = ""
            self.armed.emit("")

    def _on_depth(self, event: Any) -> None:
        """Keep napari's tools to the plane on the screen: nobody sees the others."""
        if self._nuclei.n_edit_dimensions > 2:
            self._nuclei.n_edit_dimensions = 2
            self.said.emit(_ONE_PLANE, "info")

    def _on_active(self, event: Any) -> None:
        # Layers of ours take the selection for a moment when they are added.
        if self._tool:
            QTimer.singleShot(0, self._end_beside)

    def _end_beside(self) -> None:
        """Wait for the mouse no more, once it is on another layer: it pans there."""
        if self._viewer.layers.selection.active is not self._nuclei:
            self.disarm()

    def _on_drag(self, viewer: Any, event: Any) -> Any:
        tool = self._tool
        if tool not in self._task.at_once | self._dragged or event.button != 1:
            return
        plane = self._layers.plane
        start = self._layers.pixel(event.position)
        line = [] if start is None else [start]
        yield
        while event.type == "mouse_move":
            if self._follow(line, event) and tool in self._dragged:
                shown = _rectangle(line) if tool in self._task.boxes else line
                self._layers.draw_line(plane, shown)
            yield
        self._follow(line, event)  # the last moves may have been left out
        if self._tool != tool:  # Escape was pressed meanwhile
            return
        self.disarm()
        where = self._geometry(tool, line)
        if where is not None:
            self.wanted.emit(tool, where)

    def _geometry(self, tool: str, line: list[tuple[int, int]]) -> Any:
        if not line:
            return None
        if tool in self._task.at_once:
            return line[-1]
        if len(line) < 2:
            return None
        if tool in self._task.boxes:
            rows, columns = zip(line[0], line[-1], strict=True)
            return min(rows), min(columns), max(rows) + 1, max(columns) + 1
        return np.array(line)

    def _follow(self, line: list[tuple[int, int]], event: Any) -> bool:
        """Add where the mouse is; say whether that is another pixel."""
        found = self._layers.pixel(event.position)
        if found is None or found in line[-1:]:
            return False
        line.append(found)
        return True


def _rectangle(line: list[tuple[int, int]]) -> list[tuple[int, int]]:
    (top, left), (bottom, right) = line[0], line[-1]
    return [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]
