"""Where a training run is, on disk: a killed one goes on, and no two mix."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.locks import take_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "TrainingState",
    "is_left",
    "read_state",
    "remove_state",
    "training_alone",
    "write_state",
]

_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class TrainingState:
    """What a run needs to go on; ``arrays`` are weights and optimiser state.

    ``saved`` says whether the run had saved a model, which must be there still;
    ``losses`` are those after each epoch.
    """

    arrays: list[NDArray[Any]]
    step: int
    seconds: float
    rate_factor: float
    score: float | None
    best_epoch: int
    saved: bool = True
    losses: tuple[float, ...] = ()


def write_state(
    out: Path, identity: str, *, arrays: list[NDArray[Any]], **values: Any
) -> None:
    """Write the state beside the model folder, in one atomic step.

    Parameters
    ----------
    out : Path
        The model folder; the state is the hidden file ``.<name>.resume.npz``.
    identity : str
        What the run is about: images and settings.
    arrays : list of array
        Weights and optimiser state.
    **values
        The other fields of `TrainingState`.

    Raises
    ------
    OSError
        If it can't be written; an older one stays.
    """
    path = _path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    note = json.dumps({"identity": identity, **values})
    named: dict[str, Any] = {
        f"array{index}": array for index, array in enumerate(arrays)
    }
    try:
        with fresh.open("wb") as stream:
            np.savez(stream, note=np.array(note), **named)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)  # it takes the place that others need
        raise


def read_state(out: Path, identity: str) -> TrainingState | None:
    """Read the state of a run with this identity; None where there is none."""
    try:
        # Of a damaged file, numpy leaves open what it has opened itself.
        with (
            _path(out).open("rb") as file,
            np.load(file, allow_pickle=False) as stored,
        ):
            note = json.loads(str(stored["note"]))
            if note.pop("identity") != identity:
                return None
            count = len(stored.files) - 1
            arrays = [stored[f"array{index}"] for index in range(count)]
        state = TrainingState(arrays=arrays, **note)
    except _DAMAGED:
        return None  # no state, or a damaged one: begin again
    if state.saved and not (out / "model.json").exists():
        return None
    return state


def is_left(out: Path) -> bool:
    """Whether there is a state of some run, whatever it is about."""
    return _path(out).exists()


def remove_state(out: Path) -> None:
    """Forget the state of a run that ended."""
    _path(out).unlink(missing_ok=True)


@contextmanager
def training_alone(out: Path) -> Iterator[None]:
    """Let no other training write this model: each would undo the other's.

    Parameters
    ----------
    out : Path
        The model folder; the lock is the hidden file ``.<name>.lock`` beside it.

    Raises
    ------
    EngineError
        If another one does, or the lock can't be written.
    """
    path = _path(out, "lock")
    lock = take_lock(
        path,
        taken=EngineError(
            "Another training writes into this folder.",
            todo="Wait for it, or choose another folder.",
            out=str(out),
        ),
        refused=lambda error: EngineError(
            f"The model could not be saved here ({error.strerror or error}).",
            todo="Choose another folder.",
            out=str(out),
        ),
    )
    try:
        yield
    finally:
        if os.name == "posix":  # elsewhere an open file can't be removed
            path.unlink(missing_ok=True)
        lock.release()


def _path(out: Path, kind: str = "resume.npz") -> Path:
    folder, name = os.path.split(os.path.abspath(out))  # "." has no name
    return Path(folder, f".{name}.{kind}")
