"""What of a project was reviewed elsewhere: it lies in files, and in no edit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from unetloop.annotations import REVIEWED
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from unetloop.journal import Journal
    from unetloop.project import Project

__all__ = ["count_imported"]


def count_imported(project: Project, journal: Journal) -> dict[str, dict[str, int]]:
    """Count reviewed nuclei, or painted classes, that no edit tells of.

    Reads the planes that were annotated by another program, or before the journal was
    lost: not for the event loop. Those that can't be read are left out.

    Parameters
    ----------
    project : Project
        The project.
    journal : Journal
        Its journal.

    Returns
    -------
    dict
        By id of the images that have some, as from `Journal.ledger`: ``accept`` for
        each nucleus, ``class 1`` and so on for each plane in which a class was painted.
    """
    known = journal.reviewed_planes()
    found: dict[str, Counter[str]] = {}
    for image in project.images:
        here: Counter[str] = Counter()
        for plane in range(image.planes):
            path = project.annotation_path("review", image, plane)
            if (image.id, plane) in known or not path.exists():
                continue
            try:
                right = project.read_review(image, plane) == REVIEWED
                numbers = np.unique(project.read_segmentation(image, plane)[right])
            except EngineError:
                continue  # whoever opens the plane says so
            for number in numbers[numbers > 0]:
                here[f"class {number}" if project.classes else "accept"] += 1
        if here:
            found[image.id] = here
    return {image: dict(here) for image, here in found.items()}
