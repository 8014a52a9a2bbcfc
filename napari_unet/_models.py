"""Which models there are to choose from, and what their cards say."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetloop.catalog import SHIPPED
from unetloop.classes import classes_from_json
from unetloop.config import InstanceConfig, ModelConfig, from_dict
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from unetloop.classes import TissueClass

__all__ = ["SHIPPED", "Models", "classes_of", "name_of"]

_ROUND = "round-"


class Models:
    """The models of a project, and the one that ships.

    Parameters
    ----------
    folder : Path, optional
        Where the project keeps them; None while none is open.
    task : str
        What they are for: ``"nuclei"`` or ``"classes"``.
    """

    def __init__(self, folder: Path | None = None, task: str = "nuclei") -> None:
        self._folder = folder
        self._shipped = (SHIPPED,) if task == "nuclei" else ()

    def names(self) -> tuple[str, ...]:
        """List them, the newest first, the shipped one last; there may be none."""
        found: list[str] = []
        if self._folder is not None and self._folder.is_dir():
            found = [
                path.name
                for path in self._folder.iterdir()
                if not path.name.startswith(".") and (path / "model.json").is_file()
            ]
        return (*sorted(found, key=_order, reverse=True), *self._shipped)

    def location(self, name: str) -> str:
        """Say by what the engine knows a model: a path, or the shipped one's name."""
        if name and self._folder is not None and (self._folder / name).is_dir():
            return str(self._folder / name)
        return name

    def free_name(self) -> str:
        """Give the next model a name that none has, nor one that was broken off."""
        used = set(self.names())
        if self._folder is not None and self._folder.is_dir():
            used |= {
                path.name.removeprefix(".").removesuffix(".resume.npz")
                for path in self._folder.glob(f".{_ROUND}*.resume.npz")
            }
        numbers = [_order(name)[0] for name in used]
        return f"{_ROUND}{max(numbers, default=0) + 1}"

    def is_unfinished(self, name: str) -> bool:
        """Whether a training of it was broken off and can go on."""
        return (
            self._folder is not None
            and (self._folder / f".{name}.resume.npz").is_file()
        )

    def before(self, name: str) -> str:
        """Say which model one is compared with; empty: there is no other.

        The one that it was learned from, if that is here, or else the next older one;
        of the oldest it is the newest that was learned.
        """
        others = [
            other
            for other in self.names()
            if other != name and not self.is_unfinished(other)
        ]
        start = self._card(name).get("started_from")
        for other in others if start else ():
            if self._card(other).get("weights_sha256") == start:
                return other
        older = [other for other in others if _order(other) < _order(name)]
        return next(iter(older or others), "")

    def instances(self, name: str) -> InstanceConfig:
        """Say how its maps become nuclei."""
        try:
            return from_dict(InstanceConfig, dict(self._card(name)["instances"]))
        except (KeyError, TypeError, ValueError, EngineError):
            return InstanceConfig()

    def network(self, name: str) -> ModelConfig:
        """Say what network it is."""
        try:
            return from_dict(ModelConfig, dict(self._card(name)["model"]))
        except (KeyError, TypeError, ValueError, EngineError):
            return ModelConfig()

    def _card(self, name: str) -> dict[str, Any]:
        if self._folder is not None and (self._folder / name).is_dir():
            return _read_card(self._folder / name)
        return _read_card(files("unetloop") / "pretrained" / name)


def classes_of(location: str) -> tuple[TissueClass, ...]:
    """Give a model's classes; none for a model of nuclei, or one that can't be read.

    Parameters
    ----------
    location : str
        As from `Models.location`; those that ship are of nuclei.
    """
    try:
        return classes_from_json(_read_card(Path(location)).get("classes") or ())
    except EngineError:
        return ()  # the engine will say what is wrong


def _read_card(folder: Path | Traversable) -> dict[str, Any]:
    """Read what a model says of itself; nothing where it can't be read."""
    try:
        card = json.loads((folder / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _order(name: str) -> tuple[int, str]:
    found = re.fullmatch(rf"{_ROUND}(\d+)", name)
    return (int(found[1]) if found else 0), name


def name_of(location: object) -> str:
    """Give a model's name: its folder's, whichever system the path is of."""
    return re.split(r"[/\\]", str(location))[-1]
