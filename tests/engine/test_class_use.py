"""Which classes are in use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.class_use import highest_used_class
from unetloop.classes import number_classes
from unetloop.edits import Edit
from unetloop.journal import Journal
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from unetloop.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 8), np.uint8))
    with open_project(tmp_path / "project", create=True) as opened:
        opened.add_images([tmp_path / "a.tif"])
        opened.set_classes(number_classes(5))
        yield opened


def test_what_was_painted_is_in_use_even_if_it_was_undone(project: Project) -> None:
    journal = Journal(project)
    assert highest_used_class(project, journal) == 0
    one = np.ones((1, 1), np.uint8)
    edit = Edit("a", 0, "review", 0, 0, 0 * one, one)
    journal.record("class 3", [edit])
    journal.undo()
    assert highest_used_class(project, journal) == 3
    journal.close()


def test_proposals_are_not_in_use_but_truth_is(project: Project) -> None:
    image = project.images[0]
    labels, review = np.full((6, 8), 4, np.int32), np.zeros((6, 8), np.uint8)
    labels[0, 0], review[0, 0] = 2, 1
    project.write_segmentation(image, 0, labels)
    project.write_review(image, 0, review)
    journal = Journal(project)
    assert highest_used_class(project, journal) == 2
    journal.close()


def test_what_a_model_learned_is_in_use(project: Project) -> None:
    folder = project.models_folder / "round-1"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"classes": [{}, {}, {}]}))
    (project.models_folder / "broken").mkdir()
    (project.models_folder / "broken/model.json").write_text("[")
    journal = Journal(project)
    assert highest_used_class(project, journal) == 3
    journal.close()
