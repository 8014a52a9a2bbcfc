"""By what a file, a folder or an image in several files is known again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unetloop.image_sequence import is_sequence, sequence_files
from unetloop.ome_files import ome_files

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileState"]


@dataclass(frozen=True)
class FileState:
    """By what a file is known again.

    Parameters
    ----------
    size : int
        In bytes; of a folder or an image in several files, of all of them.
    mtime_ns : int
        When it was changed last, in nanoseconds.
    sha256 : str
        Of its bytes; of a folder (OME-Zarr), of the names, sizes and times of its
        files, since it may be too large to be read twice.
    """

    size: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Look at a file or folder as it is now."""
        files = _files_of(path)
        if files != [path]:
            parts = [cls._of_file(file) for file in files]
            text = "".join(part.sha256 for part in parts)
            return cls(
                sum(part.size for part in parts),
                max(part.mtime_ns for part in parts),
                hashlib.sha256(text.encode()).hexdigest(),
            )
        if path.is_dir():
            digest, size, latest = hashlib.sha256(), 0, 0
            for item in sorted(path.rglob("*")):
                if item.is_file():
                    stat = item.stat()
                    line = f"{item.relative_to(path).as_posix()} {stat.st_size} "
                    digest.update(
                        f"{line}{stat.st_mtime_ns}\n".encode(errors="replace")
                    )
                    size += stat.st_size
                    latest = max(latest, stat.st_mtime_ns)
            return cls(size, latest, digest.hexdigest())
        return cls._of_file(path)

    @classmethod
    def _of_file(cls, path: Path) -> FileState:
        stat = path.stat()
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
        return cls(stat.st_size, stat.st_mtime_ns, digest.hexdigest())

    def holds(self, path: Path) -> bool:
        """Whether a file is the same: by size and time, and else by its bytes."""
        if not path.exists() and not is_sequence(path):
            return False
        if not path.is_dir() and _files_of(path) == [path]:
            stat = path.stat()
            if stat.st_size != self.size:
                return False
            if stat.st_mtime_ns == self.mtime_ns:
                return True
        return FileState.of(path).sha256 == self.sha256


def _files_of(path: Path) -> list[Path]:
    """List the files that an image consists of."""
    if is_sequence(path):
        return list(sequence_files(path).values())
    return list(ome_files(path))
