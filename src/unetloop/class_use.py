"""Which class numbers of a project are in use, and so must keep their meaning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from unetloop.annotations import REVIEWED
from unetloop.class_corrections import painted_class

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.journal import Journal
    from unetloop.project import Project

__all__ = ["highest_used_class"]


def highest_used_class(project: Project, journal: Journal) -> int:
    """Find the highest class number that was painted, reviewed or learned.

    What was undone counts, for it may be done again. Reads all annotated planes:
    not for the event loop.

    Parameters
    ----------
    project : Project
        Of classes.
    journal : Journal
        Its journal.

    Returns
    -------
    int
        0: none is in use.

    Raises
    ------
    EngineError
        If journal or annotations can't be read.
    """
    highest = max(map(painted_class, journal.actions()), default=0)
    highest = max(highest, _learned(project.models_folder))
    for image in project.images:
        for plane in range(image.planes):
            if not project.annotation_path("review", image, plane).exists():
                continue  # what the journal knows beyond files was painted
            known = journal.state(image, plane, "review") == REVIEWED
            labels = journal.state(image, plane, "segmentation")
            highest = max(highest, int(labels.max(where=known, initial=0)))
        journal.forget(image.id)  # there may be many
    return highest


def _learned(models: Path) -> int:
    """Find how many classes the models of a folder tell apart at most."""
    highest = 0
    for path in models.glob("*/model.json"):
        try:
            classes = json.loads(path.read_text("utf-8")).get("classes", ())
            highest = max(highest, len(classes))
        except (OSError, ValueError, TypeError, AttributeError):
            continue  # no model that anybody can use
    return highest
