"""An open project, what is remembered of it, and where projects go that lie nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet._view import View
    from unetloop.journal import Journal
    from unetloop.project import Project

__all__ = ["Workspace", "user_folder"]


@dataclass(eq=False)
class Workspace:
    """An open project; as long as it is open, there is one of them.

    Parameters
    ----------
    project : Project
        Locked by this viewer.
    journal : Journal
        Of it.
    view : View
        What else is remembered; changed in the event loop alone.
    closed : bool
        Whether it was let go of.
    """

    project: Project
    journal: Journal
    view: View
    closed: bool = False
    _closing: Lock = field(default_factory=Lock, repr=False)

    def write_view(self, text: str) -> None:
        """Write what `View.dump` gave, unless it was closed since; in any thread.

        Raises
        ------
        EngineError
            If it can't be written.
        """
        with self._closing:
            if not self.closed:
                self.view.write(self.project.folder, text)

    def close(self) -> None:
        """Store everything and let go of the project; in any thread, once."""
        with self._closing:
            if self.closed:
                return
            self.closed = True
            try:
                self.view.save(self.project.folder)
            finally:
                try:
                    self.journal.close()
                finally:
                    self.project.close()


def user_folder() -> Path:
    """Say where projects go whose images lie where nothing can be written."""
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_DATA_HOME")
    return Path(base or Path.home() / ".local" / "share") / "napari-unet-loop"
