"""Tissue classes: what the numbers of a class map are called, and their colours."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MOST_CLASSES",
    "TissueClass",
    "check_classes",
    "classes_from_json",
    "classes_to_json",
    "colour_of",
    "name_classes",
    "number_classes",
]

MOST_CLASSES = 1 << 16
"""Class numbers take 16 bits in the patches that are learned from."""

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# Wong 2011, "Points of view: Color blindness", Nature Methods 8, 441: eight colours
# that people with any colour vision can tell apart, here without black.
_COLORS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#f0e442",
    "#56b4e9",
    "#d55e00",
)


@dataclass(frozen=True)
class TissueClass:
    """One class.

    Parameters
    ----------
    name : str
        What people call it; tables have a column of this name.
    color : str
        ``"#rrggbb"``, how it is shown.

    Raises
    ------
    EngineError
        If the name is empty or the colour is none.
    """

    name: str
    color: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise EngineError("A class must have a name.", name=self.name)
        if not isinstance(self.color, str) or not _COLOR.fullmatch(self.color):
            raise EngineError(
                "A class's colour is written as #rrggbb.",
                name=self.name,
                color=self.color,
            )


def colour_of(index: int) -> str:
    """Give the colour that a new class gets, by its index from 0.

    Seven that are told apart by people of any colour vision, then these again,
    paler by a half each time.

    Examples
    --------
    >>> colour_of(0)
    '#0072b2'
    """
    rounds, place = divmod(index, len(_COLORS))
    parts = [int(_COLORS[place][start : start + 2], 16) for start in (1, 3, 5)]
    paler = [255 - (255 - part) // 2 ** min(rounds, 4) for part in parts]
    return "#" + "".join(f"{part:02x}" for part in paler)


def name_classes(names: Iterable[str]) -> tuple[TissueClass, ...]:
    """Make classes of names, in order; each gets a colour.

    Raises
    ------
    EngineError
        As for `check_classes`.

    Examples
    --------
    >>> [tissue.name for tissue in name_classes("background, rim".split(","))]
    ['background', 'rim']
    """
    classes = tuple(
        TissueClass(name.strip(), colour_of(index)) for index, name in enumerate(names)
    )
    check_classes(classes)
    return classes


def number_classes(count: int) -> tuple[TissueClass, ...]:
    """Make so many classes that nobody named: ``class 1`` and so on.

    Raises
    ------
    EngineError
        As for `check_classes`.
    """
    _check_count(count)
    return name_classes(f"class {number}" for number in range(1, count + 1))


def check_classes(classes: Sequence[TissueClass]) -> None:
    """Refuse what no network can be trained on.

    Raises
    ------
    EngineError
        If there are fewer than two classes, two of one name, or more than fit.
    """
    _check_count(len(classes))
    times = Counter(tissue.name for tissue in classes)
    twice = sorted(name for name, count in times.items() if count > 1)
    if twice:
        raise EngineError(
            "Two classes have the same name.",
            todo="Rename one of them.",
            name=", ".join(twice),
        )


def _check_count(count: int) -> None:
    if 2 <= count <= MOST_CLASSES:
        return
    raise EngineError(
        f"There must be from 2 to {MOST_CLASSES} classes.",
        todo="Name all, with what you would call background: --classes "
        "background,tumour,stroma"
        if count < 2
        else "Look whether the masks are those of nuclei, a number for each.",
        classes=count,
    )


def classes_to_json(classes: Sequence[TissueClass]) -> list[dict[str, str]]:
    """Write classes as a model's card and a project do: a name and a colour each."""
    return [asdict(tissue) for tissue in classes]


def classes_from_json(values: Any) -> tuple[TissueClass, ...]:
    """Read what `classes_to_json` wrote.

    Raises
    ------
    EngineError
        If it is damaged.
    """
    try:
        classes = tuple(TissueClass(**value) for value in values)
    except TypeError as error:
        raise EngineError("The list of classes is damaged.", classes=values) from error
    if classes:
        check_classes(classes)
    return classes
