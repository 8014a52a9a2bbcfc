"""What the plugin remembers of a project beside its annotations."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from unetloop.atomic import replacing
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["VIEW_FILE", "View"]

VIEW_FILE = "view.json"
"""Its name in a project's folder."""


@dataclass
class View:
    """What the plugin remembers of a project beside its annotations.

    Parameters
    ----------
    current : str
        Id of the image on the screen.
    plane : int
        Its plane.
    channel : str
        What the user chose last, for images with such a channel and none of their own.
    pixel_size : float
        Side of a pixel in µm, as the user typed it last, for images whose files state
        none and for which nothing else was typed; 0: not known.
    model : str
        Name of the model that predicts.
    outlines : bool
        Whether outlines are shown, and no areas.
    probabilities : bool
        Whether there is a layer with the probability of each class.
    automatic : bool
        Whether training starts by itself.
    learned : int
        Corrections that the last training knew.
    imported : dict
        What was reviewed elsewhere: as from `unetloop.imported.count_imported`.
    images : dict
        By id: ``channel``, ``diameter``, ``pixel_size``, ``contrast``, ``camera``,
        ``plane``, ``locked``, ``nuclei``, ``reviewed``, ``state``.
    training : dict
        Settings that differ from their defaults.
    instances : dict
        ``threshold`` and ``min_size``, where they were changed.
    unfinished : dict
        The training that is under way, as the engine was asked for it.
    """

    current: str = ""
    plane: int = 0
    channel: str = ""
    pixel_size: float = 0.0
    model: str = ""
    outlines: bool = True
    probabilities: bool = False
    automatic: bool = True
    learned: int = 0
    imported: dict[str, dict[str, int]] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    instances: dict[str, float] = field(default_factory=dict)
    unfinished: dict[str, Any] = field(default_factory=dict)

    def of(self, image: str) -> dict[str, Any]:
        """Give what is remembered of one image, to be changed in place.

        In the event loop: what it writes down must not become more meanwhile.
        """
        return self.images.setdefault(image, {})

    def side_of(self, image: str, stated: bool) -> float | None:
        """Give the side of a pixel that was typed for an image, in µm.

        Parameters
        ----------
        image : str
            Its id.
        stated : bool
            Whether its file states one; what was typed for others does not hold then.
        """
        typed = self.images.get(image, {}).get("pixel_size")
        return float(typed or (0.0 if stated else self.pixel_size)) or None

    def plane_of(self, image: str) -> int | None:
        """Give the plane that was shown of an image last; None: it never was."""
        if image == self.current:
            return self.plane
        plane = self.of(image).get("plane")
        return plane if isinstance(plane, int) else None

    def save(self, folder: Path) -> None:
        """Write it into a project folder; raises as `write` does."""
        self.write(folder, self.dump())

    def dump(self) -> str:
        """Give it as `write` writes it."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @staticmethod
    def write(folder: Path, text: str) -> None:
        """Write a view into a project folder, wherever the view is now; for threads.

        Parameters
        ----------
        folder : Path
            The project's.
        text : str
            Of `dump`.

        Raises
        ------
        EngineError
            If it can't be written, or the folder is away. None is made in its place: a
            drive that comes back would lie over it.
        """
        if not folder.is_dir():
            raise EngineError(
                "The project's folder is away.",
                todo="Connect its drive, or move it back: nothing is lost.",
            )
        try:
            with replacing(folder / VIEW_FILE) as fresh:
                fresh.write_text(text, "utf-8")
        except OSError as error:
            raise EngineError(
                f"The view could not be stored ({error.strerror or error}).",
                todo="Free some space or make the folder writable.",
                path=str(folder),
            ) from error

    @classmethod
    def load(cls, folder: Path) -> View:
        """Read it; what is missing or damaged is as in the beginning."""
        try:
            values = json.loads((folder / VIEW_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return cls()
        if not isinstance(values, dict):
            return cls()
        start = cls()
        for item in fields(cls):
            given = values.get(item.name)
            if isinstance(given, type(getattr(start, item.name))):
                setattr(start, item.name, given)
        known = start.images.items()
        start.images = {name: of for name, of in known if isinstance(of, dict)}
        reviewed = start.imported.items()
        start.imported = {name: of for name, of in reviewed if isinstance(of, dict)}
        return start
