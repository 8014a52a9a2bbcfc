from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.edit_log import EditLog
from unetloop.edits import Edit
from unetloop.errors import EngineError
from unetloop.held_planes import HeldPlanes
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from unetloop.edits import PlaneKey

KEY = ("a", 0, "segmentation")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EditLog]:
    with closing(EditLog(tmp_path / "log.sqlite")) as log:
        yield log


@pytest.fixture
def planes(tmp_path: Path, log: EditLog) -> Iterator[HeldPlanes]:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16), np.uint8))
    with open_project(tmp_path / "project", create=True) as project:
        project.add_images([tmp_path / "a.tif"])
        yield HeldPlanes(project, log)


def _edit(value: int) -> Edit:
    before = np.zeros((3, 5), np.int32)
    return Edit(*KEY, 2, 4, before, before + value)


def test_a_plane_is_never_held_without_its_edits(
    planes: HeldPlanes, log: EditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.add("paint", [_edit(7)])
    with monkeypatch.context() as broken:
        broken.setattr(EditLog, "since_stored", _fail)
        with pytest.raises(EngineError, match="could not be read"):
            planes.get(KEY)
    assert planes.find(KEY) is None
    assert planes.get(KEY)[3, 5] == 7


def _fail(log: EditLog, key: PlaneKey) -> list[tuple[int, int, object]]:
    raise EngineError("The journal could not be read.")


def test_what_was_read_alone_is_not_held(planes: HeldPlanes, log: EditLog) -> None:
    log.add("paint", [_edit(7)])
    values, behind = planes.read(KEY)
    assert (values[3, 5], behind, planes.numbers("a")) == (7, True, set())


def test_a_plane_that_is_not_stored_is_not_forgotten(
    planes: HeldPlanes, log: EditLog
) -> None:
    log.add("paint", [_edit(7)])
    planes.apply(_edit(7), _edit(7).after)
    assert planes.changed() == [("a", 0)]
    planes.forget("a")
    assert planes.numbers("a") == {0}
    planes.store(KEY, planes.get(KEY), log.last_tick)
    planes.set_changed([KEY], False)
    planes.forget("a")
    assert planes.numbers("a") == set()
    values, behind = planes.read(KEY)
    assert (values[3, 5], behind) == (7, False)
