"""What is the same file as before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from unetloop.file_state import FileState

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_known_by_its_bytes_if_not_by_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"one")
    state = FileState.of(path)
    assert (state.size, state.mtime_ns) == (3, path.stat().st_mtime_ns)
    os.utime(path, (1, 1))
    assert state.holds(path)
    path.write_bytes(b"two")
    os.utime(path, (2, 2))
    assert not state.holds(path)
    path.write_bytes(b"three")
    os.utime(path, ns=(state.mtime_ns, state.mtime_ns))  # only the size tells
    assert not state.holds(path)
    path.unlink()
    assert not state.holds(path)


@pytest.mark.parametrize("changed", ["0/0", "more"])
def test_a_folder_is_known_by_its_files(tmp_path: Path, changed: str) -> None:
    folder = tmp_path / "a.zarr"
    (folder / "0").mkdir(parents=True)
    (folder / "0/0").write_bytes(b"chunk")
    state = FileState.of(folder)
    assert state.size == 5
    assert state.holds(folder)
    (folder / changed).write_bytes(b"another chunk")
    assert not state.holds(folder)


def test_a_stack_in_many_files_is_all_of_them(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"z{number}.tif").write_bytes(bytes([number]) * 4)
    stack = tmp_path / "z{Z}.tif"
    state = FileState.of(stack)
    assert state.size == 12
    assert state.holds(stack)
    (tmp_path / "z1.tif").write_bytes(b"else")
    assert not state.holds(stack)
