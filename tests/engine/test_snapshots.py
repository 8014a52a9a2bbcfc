"""Masks are brought up to date; what could not be written is not forgotten."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

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


def _refuse(*_: object) -> None:
    raise EngineError("The disk is full.")


def test_one_plane_may_stay_where_the_others_are_let_go(parts: _Parts) -> None:
    parts.snapshots.flush()
    parts.snapshots.forget("a", but=0)
    assert parts.planes.numbers("a") == {0}
    parts.snapshots.forget("a", but=1)
    assert parts.planes.numbers("a") == set()
