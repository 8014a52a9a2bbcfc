"""Masks are brought up to date; what could not be written is not forgotten."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from unetloop.edit_log import EditLog
from unetloop.edits import Edit
from unetloop.errors import EngineError
from unetloop.held_planes import HeldPlanes
from unetloop.loose import Loose
from unetloop.project import Project, open_project
from unetloop.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from unetloop.project_images import ProjectImage


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16), np.uint8))
    with open_project(tmp_path / "project", create=True) as project:
        project.add_images([tmp_path / "a.tif"])
        yield project


class _Parts:
    """What a journal puts together, with one edit of both arrays."""

    def __init__(self, project: Project, log: EditLog) -> None:
        self.planes, self.loose = HeldPlanes(project, log), Loose()
        self.snapshots = Snapshots(self.planes, log, self.loose, threading.RLock())
        edits = [
            Edit("a", 0, array, 2, 4, before, before + 1)
            for array, before in (
                ("segmentation", np.zeros((3, 5), np.int32)),
                ("review", np.zeros((3, 5), np.uint8)),
            )
        ]
        log.add("paint", edits)
        for edit in edits:
            self.planes.apply(edit, edit.after)
        self.loose.put(("a", 0), (0, 0, 16, 16))


@pytest.fixture
def parts(project: Project) -> Iterator[_Parts]:
    with closing(EditLog(project.journal_path)) as log:
        yield _Parts(project, log)


def test_what_could_not_be_written_stays_and_is_written_next_time(
    project: Project, parts: _Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(Project, "write_segmentation", _refuse)
        with pytest.raises(EngineError, match="disk is full"):
            parts.snapshots.flush()
    # The review comes first, and was written; the proposals are in no file.
    assert parts.planes.changed_of("a", 0).keys() == {("a", 0, "segmentation")}
    assert list(parts.loose.on(("a", 0)).values()) == [(0, 0, 16, 16)]
    parts.snapshots.forget("a")
    assert parts.planes.find(("a", 0, "segmentation")) is not None
    assert parts.planes.find(("a", 0, "review")) is None

    parts.snapshots.flush()
    assert project.read_segmentation(project.images[0])[3, 5] == 1
    assert parts.planes.changed() == []
    assert parts.loose.on(("a", 0)) == {}


def test_planes_that_can_not_be_written_keep_no_others_waiting(
    project: Project, parts: _Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = np.zeros((16, 16), np.uint16)
    for name in "bcd":
        path = project.folder.parent / f"{name}.tif"
        tifffile.imwrite(path, zeros)
        project.add_images([path])
        parts.planes.get((name, 0, "segmentation"))[:] = 7
        parts.planes.note_change((name, 0, "segmentation"))
        parts.loose.put((name, 0), (0, 0, 16, 16))
    real = Project.write_segmentation

    def some(self: Project, image: ProjectImage, *rest: Any) -> None:
        if image.id in "ac":
            raise EngineError("The disk is full.", todo="Free some space.")
        real(self, image, *rest)

    with monkeypatch.context() as full:
        full.setattr(Project, "write_segmentation", some)
        with pytest.raises(EngineError) as refused:
            parts.snapshots.flush()
    assert str(refused.value).startswith("2 planes can't be written: a (plane 0), c")
    assert "The disk is full. Free some space." in str(refused.value)
    written = [project.read_segmentation(image).any() for image in project.images]
    assert written == [False, True, False, True]
    assert [bool(parts.loose.on((name, 0))) for name in "abcd"] == [True, False] * 2
    # What says that it is right is in its file, too.
    assert project.read_review(project.images[0])[3, 5] == 1
    assert parts.planes.changed() == [("a", 0), ("c", 0)]


def test_a_review_that_can_not_be_written_keeps_no_segmentation_waiting(
    project: Project, parts: _Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(Project, "write_review", _refuse)
        with pytest.raises(EngineError, match="disk is full"):
            parts.snapshots.flush()
    assert project.read_segmentation(project.images[0])[3, 5] == 1
    assert parts.planes.changed_of("a", 0).keys() == {("a", 0, "review")}


def _refuse(*_: object) -> None:
    raise EngineError("The disk is full.")


def test_one_plane_may_stay_where_the_others_are_let_go(parts: _Parts) -> None:
    parts.snapshots.flush()
    parts.snapshots.forget("a", but=0)
    assert parts.planes.numbers("a") == {0}
    parts.snapshots.forget("a", but=1)
    assert parts.planes.numbers("a") == set()
