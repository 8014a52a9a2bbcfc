"""Measurements of many images in one CSV, whole or not at all."""

from __future__ import annotations

import csv
import itertools
import tempfile
from typing import TYPE_CHECKING, Any, TextIO

from unetloop.atomic import replacing
from unetloop.errors import EngineError
from unetloop.measurements import column_names
from unetloop.plain_cells import plain_path, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

__all__ = ["MeasurementsWriter", "join_measurements"]


# What users name, a spreadsheet might calculate.
_PLAIN = {"image": plain_path, "class": plain_text}


class MeasurementsWriter:
    """Writes the tables of many planes into one CSV, whole or not at all.

    Use it in a ``with`` statement: what is left by an error leaves no file, and
    an older one as it was.

    Parameters
    ----------
    path : Path
        UTF-8, comma-separated, one line of names; its folder is made.
    names : sequence of str, optional
        Columns behind image and plane that it has in any case, first; None: those
        of nuclei.

    Notes
    -----
    Rows wait in a nameless temporary file, because the columns are known at the
    end only: images may have different channels. A column that an image does not
    have is empty in its rows.
    """

    def __init__(self, path: Path, names: Sequence[str] | None = None) -> None:
        self._path = path
        known = column_names(()) if names is None else names
        self._names = ["image", "plane", *known]
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rows: TextIO = tempfile.TemporaryFile(
            "w+",
            dir=path.parent,
            newline="",
            encoding="utf-8",
            errors="backslashreplace",  # file names may be no Unicode
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._rows.close()

    def write(self, image: str, plane: str | int, columns: Columns) -> None:
        """Add the nuclei of one plane.

        Parameters
        ----------
        image : str
            Its name.
        plane : str or int
            Its place in the image; with the name, the first two columns of
            each row.
        columns : mapping of str to array
            Of `measure_plane`.
        """
        texts = {name: _format(values) for name, values in columns.items()}
        count = len(next(iter(texts.values()), ()))
        texts |= {"image": [image] * count, "plane": [str(plane)] * count}
        self._write_texts(texts, count)

    def append(self, path: Path) -> None:
        """Add the rows of a CSV that was written before.

        Raises
        ------
        EngineError
            If it is damaged.
        """
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            names = next(reader, [])
            while rows := list(itertools.islice(reader, 10_000)):
                if any(len(row) != len(names) for row in rows):
                    raise EngineError(
                        "This table of measurements is damaged.",
                        todo="Delete it and measure its image again.",
                        path=str(path),
                    )
                columns = map(list, zip(*rows, strict=True))
                texts = dict(zip(names, columns, strict=True))
                self._write_texts(texts, len(rows))

    def _write_texts(self, texts: Mapping[str, list[str]], count: int) -> None:
        self._names += [name for name in texts if name not in self._names]
        empty = [""] * count
        plain = {
            name: [safe(cell) for cell in texts[name]]
            for name, safe in _PLAIN.items()
            if name in texts
        }
        in_order = [{**texts, **plain}.get(name, empty) for name in self._names]
        csv.writer(self._rows).writerows(zip(*in_order, strict=True))

    def close(self) -> None:
        """Put the file in its place.

        Raises
        ------
        EngineError
            If it can't be written.
        """
        try:
            with self._rows as rows, replacing(self._path) as fresh:
                rows.seek(0)
                with fresh.open("w", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file)
                    writer.writerow(self._names)
                    for row in csv.reader(rows):
                        writer.writerow(row + [""] * (len(self._names) - len(row)))
        except OSError as error:
            raise EngineError(
                f"The measurements could not be written ({error.strerror or error}).",
                todo="Free some space or choose another folder; if the file is open "
                "in another program, close it there.",
                path=str(self._path),
            ) from error


def join_measurements(paths: Iterable[Path], out: Path) -> None:
    """Make one CSV of many, in their order; see the writer."""
    listed = list(paths)
    # Columns come from the tables, which are of nuclei or of classes.
    with MeasurementsWriter(out, () if listed else None) as writer:
        for path in listed:
            writer.append(path)


def _format(values: NDArray[Any]) -> list[str]:
    if values.dtype.kind in "bui":
        return [str(int(value)) for value in values.tolist()]
    if values.dtype.kind == "U":
        return [str(value) for value in values.tolist()]
    return ["" if value != value else f"{value:.12g}" for value in values.tolist()]
