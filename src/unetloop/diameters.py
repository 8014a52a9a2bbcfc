"""By which diameter of nuclei the planes of a project were predicted.

What was accepted was found at this size: a plane is learned from, scored and predicted
again as it was seen. It is kept beside the corrections, for the next session.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from unetloop.atomic import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.project import Project

__all__ = ["Seen", "note_diameter", "read_diameters", "same_size"]


@dataclass(frozen=True)
class Seen:
    """By which diameter a plane was predicted.

    Parameters
    ----------
    diameter : float
        Of a nucleus, in pixels.
    estimated : bool
        Whether the model found it; else somebody chose it.
    """

    diameter: float
    estimated: bool


_SAME = 1.25


def same_size(diameter: float | None, other: float | None) -> bool:
    """Say whether two diameters are of nuclei of one size: up to a quarter apart.

    Examples
    --------
    >>> same_size(20, 24), same_size(20, 30), same_size(20, None)
    (True, False, False)
    """
    if not diameter or not other:
        return False
    return bool(abs(np.log(diameter / other)) <= np.log(_SAME))


def read_diameters(project: Project) -> dict[str, dict[int, Seen]]:
    """Read what was noted; nothing, where that can't be read.

    Parameters
    ----------
    project : Project
        An open project.

    Returns
    -------
    dict
        By image id and number of the plane.
    """
    try:
        known = json.loads(_path(project).read_text(encoding="utf-8"))
        return {
            str(image): {
                int(plane): Seen(float(seen["diameter"]), bool(seen["estimated"]))
                for plane, seen in planes.items()
            }
            for image, planes in known.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def note_diameter(project: Project, image: str, plane: int, seen: Seen) -> None:
    """Note by which diameter a plane was predicted.

    Parameters
    ----------
    project : Project
        An open project.
    image, plane
        Id of the image, and number of the plane.
    seen : Seen
        How it was. What was estimated stays so, though it is asked for.
    """
    known = read_diameters(project)
    before = known.get(image, {}).get(plane)
    if before is not None and before.diameter == seen.diameter:
        return
    known.setdefault(image, {})[plane] = seen
    content = {
        each: {str(number): asdict(size) for number, size in planes.items()}
        for each, planes in known.items()
    }
    # Where it can't be written, corrections are still learned from: by their own sizes.
    with suppress(OSError), replacing(_path(project), lasting=False) as fresh:
        fresh.write_text(json.dumps(content), encoding="utf-8")


def _path(project: Project) -> Path:
    return project.cache_folder / "diameters.json"
