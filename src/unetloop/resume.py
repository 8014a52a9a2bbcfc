"""What of a batch is done already, image by image, and what is to be done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from unetloop.errors import EngineError
from unetloop.file_state import FileState
from unetloop.run_record import JOINED, Records

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.image_job import ImageJob
    from unetloop.run_record import ImageRecord

__all__ = ["Choice", "choose", "keep_exports"]

_OF_THE_NETWORK = {"probabilities"}


@dataclass(frozen=True)
class Choice:
    """What is to be done with an image.

    Parameters
    ----------
    what : str
        ``predict`` it; ``export`` it from masks that are there; it is ``done``; it
        ``failed`` before and nothing changed; its results are ``foreign``, or were
        ``edited`` by hand.
    exports : tuple of str
        Those to write, where it is to be exported.
    """

    what: Literal["predict", "export", "done", "failed", "foreign", "edited"]
    exports: tuple[str, ...] = ()


def choose(job: ImageJob, records: Records, thorough: bool = True) -> Choice:
    """Say what is to be done with an image, by its record and what is there.

    Parameters
    ----------
    job : ImageJob
        What is wanted.
    records : Records
        Those of the output folder.
    thorough : bool
        Whether masks that something is to be made of are read whole, to see that
        they are as they were written; else time and size must do.
    """
    record = records.read(job.stem)
    if record is None:
        there = job.labels.exists() or _foreign_exports(job, None)
        return Choice("foreign" if there else "predict")
    if record.status == "begun":
        return Choice("predict")
    for name, state in record.outputs.items():
        path = job.out / name
        if path.exists() and not _holds(state, path):
            return Choice("edited")
    if _foreign_exports(job, record):
        return Choice("foreign")
    same = record.settings == job.settings and record.corrections == job.corrections
    same = same and _holds(record.input, job.image)
    if record.status == "failed":
        ours = _relative(job, job.labels) in record.outputs
        if job.labels.exists() and not ours:
            return Choice("foreign")
        again = not same and record.input is not None
        return Choice("predict" if again else "failed")
    return _complete(job, record, thorough) if same else Choice("predict")


def keep_exports(job: ImageJob, record: ImageRecord | None) -> ImageJob:
    """Have the exports made anew, too, that an image has: they are of its masks."""
    kept = {
        name
        for name in (record.exports if record is not None else ())
        if name in job.exporters and job.export_path(name).exists()
    }
    return replace(job, exports=tuple(sorted(kept | set(job.exports))))


def _complete(job: ImageJob, record: ImageRecord, thorough: bool) -> Choice:
    """Say what an image lacks that is done."""
    gone = {name for name in record.outputs if not (job.out / name).exists()}
    lacking = set(job.exports) - set(record.exports)
    for name in set(record.exports) & set(job.exporters):
        relative = _relative(job, job.export_path(name))
        if relative in gone:
            gone.remove(relative)
            lacking.add(name)
    if not gone and not lacking:
        return Choice("done")
    if gone or lacking & _OF_THE_NETWORK:
        return Choice("predict")
    # Time and size may agree by chance; what is made of them must be of these bytes.
    for path in (job.labels, Records(job.out).path(job.stem, ".csv")):
        state = record.outputs.get(_relative(job, path))
        if state is None:
            return Choice("predict")
        if thorough and not _is_as_written(path, state):
            return Choice("edited")
    return Choice("export", tuple(sorted(lacking)))


def _is_as_written(path: Path, state: FileState) -> bool:
    try:
        return FileState.of(path).sha256 == state.sha256
    except OSError:
        return False


def _foreign_exports(job: ImageJob, record: ImageRecord | None) -> bool:
    """Whether a file lies where an export should go, and is not ours."""
    ours = record.outputs if record is not None else {}
    paths = [job.export_path(name) for name in job.exports if name != JOINED]
    return any(path.exists() and _relative(job, path) not in ours for path in paths)


def _relative(job: ImageJob, path: Path) -> str:
    return path.relative_to(job.out).as_posix()


def _holds(before: FileState | None, path: Path) -> bool:
    try:
        return before is not None and before.holds(path)
    except (EngineError, OSError):  # one that can't be read must not stop the others
        return False
