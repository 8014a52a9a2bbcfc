"""What the system refuses is one sentence, wherever it happens."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NoReturn

import pytest

from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.cli import main
from unetloop.errors import EngineError, explain, is_disk_full, refusals_named
from unetloop.jobs import unforeseen

if TYPE_CHECKING:
    from pathlib import Path


def _refuse(path: Path) -> NoReturn:
    raise PermissionError(13, "Permission denied", str(path))


def test_files_and_memory_are_explained_and_mistakes_of_ours_are_not() -> None:
    said = str(explain(PermissionError(13, "Permission denied", "/a/b.tif")))
    assert "Permission denied" in said
    assert "path=/a/b.tif" in said
    full = str(explain(OSError(28, "No space left on device", "/a/b.tif")))
    assert full.startswith("The disk is full (No space left on device).")
    assert full.endswith("Free some space on it.")
    assert "not enough memory (Unable to" in str(explain(MemoryError("Unable to")))
    assert "not enough memory" in str(explain(MemoryError()))
    assert explain(OSError("whatever a library says")) is None
    assert explain(ZeroDivisionError()) is None


def test_a_full_disk_is_known_by_what_it_was_raised_from() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    named = EngineError("The file could not be written.")
    named.__cause__ = full
    assert is_disk_full(full)
    assert is_disk_full(named)
    assert not is_disk_full(EngineError("The file could not be written."))
    assert not is_disk_full(PermissionError(errno.EACCES, "Permission denied"))


def test_as_a_decorator_it_lets_all_else_pass() -> None:
    @refusals_named()
    def fail(error: Exception) -> NoReturn:
        raise error

    with pytest.raises(EngineError, match="Permission denied"):
        fail(PermissionError(13, "Permission denied"))
    with pytest.raises(EngineError, match="mine"):
        fail(EngineError("mine"))
    with pytest.raises(OSError, match="whatever") as caught:
        fail(OSError("whatever a library says"))
    assert caught.value.__cause__ is None  # not itself: who looks for it would not end
    with pytest.raises(KeyError):
        fail(KeyError())


def test_a_model_that_may_not_be_read_is_not_called_damaged(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("unetloop.checkpoint.file_hash", _refuse)
    with pytest.raises(EngineError, match="Permission denied"):
        open_model(SHIPPED)
    (tmp_path / "a.tif").touch()
    assert main(["predict", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: A file or folder can't be read")
    assert "unforeseen" not in error


def test_a_job_says_it_too_and_keeps_the_traceback_for_us() -> None:
    failed = unforeseen(PermissionError(13, "Permission denied", "/a/b.tif"))
    assert "path=/a/b.tif" in failed.message
    assert "unforeseen" not in failed.message
    assert "PermissionError" in failed.detail
    assert "unforeseen" in unforeseen(ZeroDivisionError()).message
