"""Storing a field for a viewer."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unetloop import field

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_an_array_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((2, 30, 40)).astype(np.float16)
    stored = field._store(tmp_path / "fields/a.npy", array)
    np.testing.assert_array_equal(np.load(stored), array)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_is_said_to_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(path: Path, lasting: bool) -> Iterator[Path]:
        yield Path("/dev/full")

    monkeypatch.setattr(field, "replacing", full)
    with pytest.raises(OSError, match="No space") as caught:
        field._store(tmp_path / "a.npy", np.zeros((300, 300), np.int32))
    assert caught.value.errno == errno.ENOSPC


def test_of_the_fields_that_were_looked_at_the_last_ones_are_kept(
    tmp_path: Path,
) -> None:
    """A large plane that is looked at all over would take gigabytes."""
    array = np.zeros((3, 3), np.uint8)
    for number in range(2 * field._KEPT):
        stored = field._store(tmp_path / f"{number % 3}/{number}.npy", array)
        os.utime(stored, ns=(number, number))
        field._drop_old(tmp_path)
    left = sorted(int(path.stem) for path in tmp_path.glob("*/*"))
    assert left == list(range(field._KEPT, 2 * field._KEPT))
