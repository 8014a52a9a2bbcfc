"""A file is the old or the new one at any moment, and whole."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from unetloop.atomic import replacing
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


def test_the_new_name_is_on_the_disk_before_anybody_relies_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flushed = tmp_path / "a.txt", []

    def note(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            flushed.append([item.name for item in tmp_path.iterdir()])

    monkeypatch.setattr(os, "fsync", note)
    with replacing(path) as fresh:
        fresh.write_text("new")
    assert flushed == ([] if os.name == "nt" else [["a.txt"]])


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


def test_a_file_that_is_looked_at_for_a_moment_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    replace, refusals = Path.replace, [PermissionError(13, "in use")] * 2

    def refuse(self: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with replacing(path) as fresh:
        fresh.write_text("new")
    assert path.read_text() == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]
