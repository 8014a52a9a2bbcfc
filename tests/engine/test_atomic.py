"""A file is the old or the new one at any moment, and whole."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from unetloop.atomic import fresh_path, is_fresh, replacing, swap_folder
from unetloop.masks import read_labels, write_labels


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_labels(path, np.ones((4, 4), np.int32))

    def broken() -> None:
        with replacing(path) as fresh:
            fresh.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert read_labels(path).tolist() == np.ones((4, 4), int).tolist()
    assert [item.name for item in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.usefixtures("fsync_of_windows")
def test_files_are_written_through_by_a_handle_that_may_write(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as fresh:
        fresh.write_text("whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_the_bytes_are_on_the_disk_before_their_name_and_that_before_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flushed = tmp_path / "new" / "a.txt", []

    def note(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        flushed.append(("names" if stat.S_ISDIR(mode) else "bytes", path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    with replacing(path) as fresh:
        fresh.write_text("new")
    names = [] if os.name == "nt" else [("names", True)]
    assert flushed == [("bytes", False), *names]


def test_files_that_were_written_are_let_go_of(tmp_path: Path) -> None:
    def lowest() -> int:
        descriptor = os.open(tmp_path / "a.txt", os.O_RDWR | os.O_CREAT)
        os.close(descriptor)
        return descriptor

    before = lowest()
    for _ in range(20):
        with replacing(tmp_path / "a.txt") as fresh:
            fresh.write_text("new")
    assert lowest() < before + 20


def test_what_can_be_computed_again_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: pytest.fail("waited"))
    with replacing(tmp_path / "a.npy", lasting=False) as fresh:
        fresh.write_text("whole")
    assert [item.name for item in tmp_path.iterdir()] == ["a.npy"]


def test_a_disk_that_flushes_no_folders_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    with replacing(tmp_path / "a.txt") as fresh:
        fresh.write_text("whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as one, replacing(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("refusals", [2, 4, 5])
def test_a_file_that_is_looked_at_for_a_moment_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    replace, left = Path.replace, [PermissionError(13, "in use")] * refusals
    waited: list[float] = []

    def refuse(self: Path, target: Path) -> Path:
        if left:
            raise left.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(time, "sleep", waited.append)
    wont = pytest.raises(PermissionError) if refusals > 4 else nullcontext()
    with wont, replacing(path) as fresh:
        fresh.write_text("new")
    assert path.read_text() == ("old" if refusals > 4 else "new")
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]
    assert len(waited) == min(refusals, 4)
    assert sum(waited) < 1


def test_names_of_what_was_being_written_are_known_again(tmp_path: Path) -> None:
    fresh = fresh_path(tmp_path / "a.tif")
    assert fresh.parent == tmp_path
    assert is_fresh(fresh.name)
    assert not is_fresh("a.tif")
    assert not is_fresh(f"my{fresh.name}")


def _folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "a.txt").write_text(content)
    return path


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    folder, old = tmp_path / "folder", tmp_path / "old"
    swap_folder(_folder(tmp_path / "fresh", "one"), folder, old)
    assert not old.exists()
    swap_folder(_folder(tmp_path / "fresh", "two"), folder, old)
    assert (folder / "a.txt").read_text() == "two"
    assert (old / "a.txt").read_text() == "one"
    assert not (tmp_path / "fresh").exists()


def test_a_folder_whose_place_is_not_taken_is_there_again(tmp_path: Path) -> None:
    folder, old = _folder(tmp_path / "folder", "one"), tmp_path / "old"
    with pytest.raises(OSError, match="missing"):
        swap_folder(tmp_path / "missing", folder, old)
    assert (folder / "a.txt").read_text() == "one"
    assert not old.exists()
