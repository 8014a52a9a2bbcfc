"""What a batch has done so far, image by image; `resume` decides by it what is to do.

``OUT/records/<stem>.json`` is written before an image's results ("begun") and
again behind them ("done" or "failed"), each time in one atomic step. So a file
whose record says "begun" may be half of the truth, and one without a record is
not ours. Tables are put together from the records alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unetloop.atomic import is_fresh, replacing
from unetloop.catalog import CLASS_EXPORTERS, EXPORTERS
from unetloop.errors import EngineError
from unetloop.file_state import FileState
from unetloop.locks import take_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "FOLDERS",
    "JOINED",
    "ImageRecord",
    "Records",
    "now",
    "read_run",
    "settings_hash",
    "write_run",
]

JOINED = "coco"
"""The exporter of which a run has one file, put together from one an image."""

FOLDERS = {"overlay": "overlays"}
"""Folders of exporters that are not called as the exporter is."""

_FORMAT = "unetloop-record"
_RUN_FORMAT = "unetloop-run"
_VERSION = 1


def now() -> str:
    """Give the time in ISO 8601, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class ImageRecord:
    """What became of one image.

    Parameters
    ----------
    name : str
        Path below the folder that was given, with ``/``: how tables call it.
    stem : str
        The same without suffixes: how its results are called.
    image : str
        Its whole path.
    settings : str
        `settings_hash` of what it was predicted with.
    status : str
        ``begun``, ``done`` or ``failed``.
    reason : str
        Why it failed; of one that is done, why there is nothing in it, or why it was
        read by another channel than the others.
    detail : str
        The traceback of what nobody foresaw, for a bug report.
    input : FileState or None
        The image as it was; None where it could not be read at all.
    outputs : dict of FileState
        Its results, by their paths below the output folder.
    exports : list of str
        Names of the exporters among them.
    summary : dict
        Its row of ``summary.csv``, see `summary`.
    run : str
        Which run it is of.
    finished : str
        When, in UTC.
    corrections : str
        `reviewed.combined_hash` of what somebody corrected of it; empty: nothing.
    """

    name: str
    stem: str
    image: str
    settings: str
    status: Literal["begun", "done", "failed"]
    reason: str = ""
    detail: str = ""
    input: FileState | None = None
    outputs: dict[str, FileState] = field(default_factory=dict)
    exports: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    run: str = ""
    finished: str = ""
    corrections: str = ""


class Records:
    """The records of an output folder.

    Parameters
    ----------
    out : Path
        The output folder.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out / "records"

    def path(self, stem: str, suffix: str = ".json") -> Path:
        """Where an image's record lies, or what else is kept beside it."""
        # Not with_suffix: a stem may have dots of its own.
        path = self.folder / stem
        return path.with_name(path.name + suffix)

    def read(self, stem: str) -> ImageRecord | None:
        """Read an image's record; None where there is none that can be trusted."""
        try:
            values = json.loads(self.path(stem).read_text(encoding="utf-8"))
            if values.pop("format") != _FORMAT or values.pop("version") != _VERSION:
                return None
            state = values["input"]
            values["input"] = FileState(**state) if state else None
            values["outputs"] = {
                name: FileState(**state) for name, state in values["outputs"].items()
            }
            return ImageRecord(**values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def all(self) -> Iterator[ImageRecord]:
        """Read all records that can be trusted."""
        for path in sorted(self.folder.rglob("*.json")):
            stem = path.relative_to(self.folder).as_posix().removesuffix(".json")
            record = self.read(stem)
            if record is not None and record.stem == stem:
                yield record

    def write(self, record: ImageRecord) -> None:
        """Write an image's record in one atomic step."""
        values = {"format": _FORMAT, "version": _VERSION, **asdict(record)}
        _write_json(self.path(record.stem), values)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this run alone, and clear what killed ones left.

        Raises
        ------
        EngineError
            If another run writes into it, or it can't be written.
        """
        lock = take_lock(
            self.folder / ".lock",
            taken=EngineError(
                "Another run writes into this folder.",
                todo="Wait for it, or choose another folder.",
                out=str(self.out),
            ),
            refused=lambda error: EngineError(
                f"The output folder can't be written ({error.strerror or error}).",
                todo="Choose another folder.",
                out=str(self.out),
            ),
        )
        try:
            self._clear()
            yield
        finally:
            lock.release()

    def _clear(self) -> None:
        """Remove half-written files and folders of runs that were killed."""
        left = [path for path in self.out.glob(".*.new") if is_fresh(path.name)]
        left += self.folder.rglob(".labels*")
        names = {*EXPORTERS, *CLASS_EXPORTERS, *FOLDERS.values()}
        for name in ("records", "labels", *names):
            left += _half_written(self.out / name)
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _half_written(folder: Path) -> Iterator[Path]:
    """Find what was to take another name; not in OME-Zarrs, which have many files."""
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if is_fresh(name):
                yield Path(above) / name
        folders[:] = [name for name in folders if not name.endswith((".zarr", ".new"))]


def settings_hash(settings: Mapping[str, Any]) -> str:
    """SHA-256 of settings: equal ones give equal results of equal images."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def read_run(out: Path) -> dict[str, Any] | None:
    """Read ``run.json``; None where there is none, or it is not ours."""
    try:
        values = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(values, dict) and values.get("format") == _RUN_FORMAT
    return values if ours else None


def write_run(out: Path, run: Mapping[str, Any]) -> None:
    """Write ``run.json`` in one atomic step; docs/formats.md describes it."""
    _write_json(out / "run.json", {"format": _RUN_FORMAT, "version": _VERSION, **run})


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    with replacing(path) as fresh:
        text = json.dumps(values, indent=1, default=str)
        fresh.write_text(text + "\n", encoding="utf-8")
