"""What was reviewed elsewhere counts; what the journal tells of does not, twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.classes import name_classes
from unetloop.edits import Edit
from unetloop.imported import count_imported
from unetloop.journal import Journal
from unetloop.project import open_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("classes", "expected"),
    [((), {"accept": 2}), (("a", "b", "c"), {"class 1": 1, "class 3": 1})],
)
def test_reviewed_planes_of_other_programs_are_counted(
    tmp_path: Path, classes: tuple[str, ...], expected: dict[str, int]
) -> None:
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((20, 30), np.uint8))
    labels, review = np.zeros((2, 20, 30), np.int32)
    labels[:5, :5], labels[10:, :5], labels[:, 20:] = 1, 2, 3
    review[:, 3:] = 1  # so nothing of the second one
    review[:5] = 1
    labels[10:, 3:5] = 0
    with open_project(tmp_path / "project", create=True) as project:
        if classes:
            project.set_classes(name_classes(classes))
        project.add_images([tmp_path / "a.tif", tmp_path / "b.tif"])
        image = project.images[0]
        journal = Journal(project)
        assert count_imported(project, journal) == {}
        for kind, values in (("segmentation", labels), ("review", review)):
            path = project.annotation_path(kind, image, 0)
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, values.astype(np.int32))
        assert count_imported(project, journal) == {"a": expected}
        content = path.read_bytes()
        path.write_bytes(b"no image")
        assert count_imported(project, journal) == {}  # but opening it will say so
        path.write_bytes(content)
        patch = np.ones((2, 2), np.uint8)
        journal.record("accept", [Edit("a", 0, "review", 0, 0, 0 * patch, patch)])
        assert count_imported(project, journal) == {}
        assert journal.ledger() == {"accept": 1}
        assert journal.ledger({"a"}) == {}
        assert journal.ledger({"b"}) == {"accept": 1}
        journal.close()
