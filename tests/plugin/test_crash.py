"""What was corrected is there after a crash, and what was said of proposals, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.edit_log import EditLog
from unetloop.journal import Journal
from unetloop.project import Project, open_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def _after_a_crash(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read what another program finds that opens the project now."""
    project = open_project(folder / "unet-loop", shared=True)
    journal = Journal(project)
    image = project.images[0]
    found = tuple(journal.state(image, 0, name) for name in ("segmentation", "review"))
    journal._log.close()
    return found[0], found[1]


EVERYTHING = [
    (Journal, "keep_proposals"),
    (Journal, "record"),
    (Project, "write_segmentation"),
]
"""What writes to a project's disk."""


def _opened(start: Callable[..., Any], folder: Path) -> Any:
    """Open the folder anew; what it holds is shown, whether or not it is segmented."""
    loop = start()
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.current == "a")
    return loop


def test_accepted_nuclei_are_there_after_a_crash(loop: Any, folder: Path) -> None:
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    segmentation, review = _after_a_crash(folder)
    assert review[point] == 1
    assert np.array_equal(segmentation == number, loop.nuclei == number)
    loop.press("Enter")
    segmentation, review = _after_a_crash(folder)
    assert (review == 1).all()
    assert np.array_equal(segmentation, loop.recorded()[0])


def test_proposals_are_kept_a_moment_after_they_are_shown(
    loop: Any, folder: Path
) -> None:
    loop.wait(lambda: _after_a_crash(folder)[0].any())
    assert np.array_equal(_after_a_crash(folder)[0], loop.nuclei)


def test_accepted_nuclei_are_kept_where_neither_journal_nor_masks_have_room(
    start: Callable[..., Any],
    folder: Path,
    home: Path,
    full: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:
        for owner, name in EVERYTHING:
            broken.setattr(owner, name, full)
        loop = start()
        loop.open(folder)
        number, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("A")
        there = loop.nuclei == number
        loop.session.close()
    again = _opened(start, folder)
    segmentation, review = again.recorded()
    assert (segmentation[there] == number).all()
    assert (review[there] == 1).all()


def test_what_was_deleted_before_all_was_accepted_does_not_come_back(
    start: Callable[..., Any],
    folder: Path,
    home: Path,
    full: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:
        for owner, name in EVERYTHING:
            broken.setattr(owner, name, full)
        loop = start()
        loop.open(folder)
        deleted, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("D")
        assert not (loop.nuclei == deleted).any()
        loop.session.editor.correct("box", (0, 0, 160, 200))
        there = loop.nuclei.copy()
        loop.session.close()
    again = _opened(start, folder)
    segmentation, review = again.recorded()
    assert (review == 1).all()
    assert np.array_equal(segmentation, there)


def test_corrections_kept_elsewhere_stay_there_when_that_disk_is_full_as_well(
    start: Callable[..., Any],
    folder: Path,
    home: Path,
    full: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Journal, "record", full)
        loop = start()
        loop.open(folder)
        _, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("A")
        loop.session.close()
        next_time = _opened(start, folder)
        assert next_time.session.editor.unstored
        broken.setattr(EditLog, "add", full)
        next_time.session.close()
        assert [text for text in next_time.said if "could not be kept" in text]
    again = _opened(start, folder)
    assert again.recorded()[1][point] == 1
