"""A lock is held by one, and let go of by whoever ends the work."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest

from unetloop.errors import EngineError
from unetloop.locks import take_lock
from unetloop.run_record import Records

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import FileLock


def _take(path: Path) -> FileLock:
    return take_lock(
        path,
        taken=EngineError("It is taken."),
        refused=lambda error: EngineError(f"It is refused ({error.strerror})."),
    )


def test_only_one_holds_it_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    lock = _take(path)
    with pytest.raises(EngineError, match="taken"):
        _take(path)
    lock.release()
    _take(path).release()


def test_what_the_system_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="refused"):
        _take(tmp_path / "file" / "lock")


def test_a_batch_that_another_thread_ends_lets_go_of_its_folder(
    tmp_path: Path,
) -> None:
    held = Records(tmp_path).locked()
    beginner = Thread(target=held.__enter__)
    beginner.start()
    beginner.join()
    held.__exit__(None, None, None)
    with Records(tmp_path).locked():
        pass
