"""Counting what a project's files hold, and only once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_unet._census import Count
from napari_unet._inventory import FILE_NAME, Inventory
from unetloop.edits import Edit
from unetloop.journal import Journal
from unetloop.project import Project, open_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHAPE = (40, 50)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A stack of four planes; nuclei were found on the first two, long ago."""
    path = tmp_path / "stack.tif"
    stack = np.zeros((4, *SHAPE), np.uint8)
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    with open_project(tmp_path / "project", create=True) as project:
        (image,) = project.add_images([path])
        for plane in (0, 1):
            project.write_segmentation(image, plane, _nuclei(3 + plane))
            _date(project, plane)
        yield project


def _nuclei(count: int) -> Any:
    labels = np.zeros(SHAPE, np.int32)
    for number in range(count):
        labels[5:9, 8 * number : 8 * number + 4] = number + 1
    return labels


def _date(project: Project, plane: int, ago: float = 100.0) -> None:
    """Make a plane's segmentation look as if it were written some time ago."""
    path = project.annotation_path("segmentation", project.images[0], plane)
    then = time.time() - ago
    os.utime(path, (then, then))


def _count(project: Project, journal: Journal) -> dict[int, Count]:
    inventory = Inventory(project, journal)
    found = dict(inventory.planes(project.images[0]))
    inventory.save()
    return found


def test_planes_are_read_once_and_again_when_they_were_changed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, read = Journal(project), []
    look = journal.look

    def note(image: Any, plane: int, array: str) -> Any:
        read.append((plane, array))
        return look(image, plane, array)

    monkeypatch.setattr(journal, "look", note)
    three, four = (Count(n, 0, looked=False, done=False) for n in (3, 4))
    assert _count(project, journal) == {0: three, 1: four}
    assert {plane for plane, _ in read} == {0, 1}
    read.clear()
    assert _count(project, journal) == {0: three, 1: four}
    assert not read
    project.write_segmentation(project.images[0], 1, _nuclei(2))
    _date(project, 1, 50.0)
    two = Count(2, 0, looked=False, done=False)
    assert _count(project, journal) == {0: three, 1: two}
    assert {plane for plane, _ in read} == {1}
    read.clear()
    (project.cache_folder / FILE_NAME).write_text('{"images": {"stack": {"0": 7}}}')
    assert _count(project, journal) == {0: three, 1: two}
    assert {plane for plane, _ in read} == {0, 1}
    journal.close()


def test_what_was_written_a_moment_ago_is_not_taken_for_known(
    project: Project,
) -> None:
    journal, image = Journal(project), project.images[0]
    project.write_segmentation(image, 1, _nuclei(4))
    path = project.annotation_path("segmentation", image, 1)
    status = path.stat()
    assert _count(project, journal)[1].nuclei == 4
    # As on a drive whose times are coarse: neither time nor size tells.
    labels = _nuclei(4)
    labels[labels == 1] = 2
    project.write_segmentation(image, 1, labels)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert _count(project, journal)[1].nuclei == 3
    journal.close()


def test_edits_that_are_in_no_file_yet_count(project: Project) -> None:
    journal = Journal(project)
    before = np.zeros((4, 4), np.int32)
    after = np.ones_like(before)
    edits = [
        Edit("stack", 2, "segmentation", 0, 0, before, after),
        Edit("stack", 2, "review", 0, 0, before.astype("u1"), after.astype("u1")),
        Edit("stack", 1, "segmentation", 20, 0, before, 9 * after),
    ]
    journal.record("paint", edits)
    journal._log.close()  # as after a crash: no file was written
    journal = Journal(project)
    for _ in range(2):
        found = _count(project, journal)
        assert {plane: count.nuclei for plane, count in found.items()} == {
            **{0: 3, 1: 5, 2: 1}
        }
        assert found[2] == Count(1, 1, looked=True, done=True)
    assert not journal._planes.numbers("stack")  # none of it was kept in memory
    journal.flush()
    journal.close()


def test_proposals_that_are_in_memory_alone_count(project: Project) -> None:
    journal, image = Journal(project), project.images[0]
    journal.propose(image, 3, (0, 0), _nuclei(5))
    assert _count(project, journal)[3].nuclei == 5
    journal.propose(image, 3, (0, 0), _nuclei(1))
    assert _count(project, journal)[3].nuclei == 1
    journal.close()


def test_proposals_that_only_the_journal_holds_count(project: Project) -> None:
    journal, image = Journal(project), project.images[0]
    assert _count(project, journal)[1].nuclei == 4
    journal.propose(image, 1, (0, 0), _nuclei(2))
    journal.keep_proposals(image.id, 1)
    journal._log.close()  # as after a crash
    journal = Journal(project)
    assert _count(project, journal)[1].nuclei == 2
    journal.close()


def test_a_plane_that_cannot_be_read_is_left_out(project: Project) -> None:
    project.annotation_path("segmentation", project.images[0], 0).write_bytes(b"no")
    journal = Journal(project)
    assert set(_count(project, journal)) == {1}
    journal.close()
