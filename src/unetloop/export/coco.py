"""COCO: instance masks for training and scoring with other programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.errors import EngineError
from unetloop.export.image import failures_named
from unetloop.windows import find_runs, iterate_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

    from unetloop.export.image import ExportedImage
    from unetloop.windows import Window

__all__ = ["join_coco", "write"]

_INFO = {"description": "Nuclei found with napari-unet-loop"}
_CATEGORIES = [{"id": 1, "name": "nucleus", "supercategory": "cell"}]


def write(path: Path, planes: NDArray[np.int32], about: ExportedImage) -> None:
    """Write one COCO image a plane and one annotation a nucleus.

    Masks are run-length encoded, so that nothing of them is lost. ``label`` and
    ``plane`` (from 0) are additions of ours.

    Parameters
    ----------
    path : Path
        File to write, ``.json``.
    planes : array of int32
        (planes, rows, columns): 0 background, one number a nucleus.
    about : ExportedImage
        The image.

    Raises
    ------
    EngineError
        If it can't be written, or has other planes.

    Notes
    -----
    Format: https://cocodataset.org/#format-data.
    """
    about.check(planes)
    images = [
        {
            "id": plane + 1,
            "file_name": about.name,
            "width": planes.shape[2],
            "height": planes.shape[1],
            "plane": plane,
        }
        for plane in range(len(planes))
    ]
    with failures_named(path):
        _write(path, images, _annotate(planes, about))


def join_coco(paths: Sequence[Path], out: Path) -> None:
    """Make one file of many, with new numbers for images and annotations.

    Parameters
    ----------
    paths : sequence of Path
        Files of `write`, or other COCO files of the same categories; each is held
        in memory alone.
    out : Path
        File to write.

    Raises
    ------
    EngineError
        If one can't be read, has other categories, or ``out`` can't be written.
    """
    with failures_named(out):
        _write(out, _join(paths, "images"), _join(paths, "annotations"))


def _join(paths: Sequence[Path], key: str) -> Iterator[dict[str, Any]]:
    images = annotations = 0
    for path in paths:
        content = _read(path)
        numbers = {
            image["id"]: images + index
            for index, image in enumerate(content["images"], start=1)
        }
        images += len(numbers)
        for item in content[key]:
            if key == "images":
                yield {**item, "id": numbers[item["id"]]}
            else:
                annotations += 1
                place = numbers[item["image_id"]]
                yield {**item, "id": annotations, "image_id": place}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = [item["name"] for item in content["categories"]]
        if not (names == ["nucleus"] and {"images", "annotations"} <= set(content)):
            raise KeyError("nucleus")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            "This is no COCO file of nuclei.",
            todo="Export its image again.",
            path=str(path),
        ) from error
    return dict(content)


def _write(
    path: Path, images: Iterable[dict[str, Any]], annotations: Iterable[dict[str, Any]]
) -> None:
    with (
        replacing(path) as fresh,
        # A file name that is no Unicode becomes an escape that JSON knows.
        fresh.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        file.write(f'{{"info": {json.dumps(_INFO)},\n')
        file.write(f'"categories": {json.dumps(_CATEGORIES)},\n"images": [')
        _write_items(file, images)
        file.write('],\n"annotations": [')
        _write_items(file, annotations)
        file.write("]}\n")


def _write_items(file: TextIO, items: Iterable[dict[str, Any]]) -> None:
    separator = "\n"
    for item in items:
        file.write(separator + json.dumps(item, ensure_ascii=False))
        separator = ",\n"


def _annotate(
    planes: NDArray[np.int32], about: ExportedImage
) -> Iterator[dict[str, Any]]:
    rows, columns = planes.shape[1:]
    number = 0
    for plane, labels in enumerate(planes):
        for window in iterate_windows(labels):
            for label, area, box, counts in _encode(window, rows, columns):
                about.between()
                number += 1
                yield {
                    "id": number,
                    "image_id": plane + 1,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": area,
                    "bbox": box,
                    "segmentation": {"size": [rows, columns], "counts": counts},
                    "label": label,
                }


def _encode(
    window: Window, rows: int, columns: int
) -> Iterator[tuple[int, int, list[int], str]]:
    """Give label, area, box (x, y, width, height) and mask of each nucleus."""
    runs = find_runs(np.ascontiguousarray(window.labels.T))  # COCO goes down columns
    x, y = runs.row + window.column, runs.start + window.row
    start = x * rows + y
    stop = start + runs.stop - runs.start
    first = np.flatnonzero(np.r_[True, np.diff(runs.label) != 0])
    label = runs.label[first]
    area = np.add.reduceat(stop - start, first)
    low = np.minimum.reduceat(np.stack([x, y]), first, axis=1)
    ends = np.stack([x + 1, runs.stop + window.row])
    size = np.maximum.reduceat(ends, first, axis=1) - low
    boxes = np.concatenate([low, size]).T
    # From the bottom of one column into the top of the next is one run.
    new = np.ones(len(start), bool)
    new[1:] = start[1:] != stop[:-1]
    new[first] = True
    begins = np.flatnonzero(new)
    stop = stop[np.append(begins[1:], len(stop)) - 1]
    start, owner = start[begins], np.searchsorted(label, runs.label[begins])
    masks = _to_texts(start, stop, owner, rows * columns)
    yield from zip(label.tolist(), area.tolist(), boxes.tolist(), masks, strict=True)


def _to_texts(
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    owner: NDArray[np.int64],
    pixels: int,
) -> Iterator[str]:
    """Write runs as COCO's texts: lengths of background and nucleus in turn."""
    first = np.flatnonzero(np.r_[True, np.diff(owner) != 0])
    before = np.r_[0, stop[:-1]]
    before[first] = 0
    lengths = np.column_stack([start - before, stop - start]).ravel()
    count = 2 * np.diff(first, append=len(start))
    rest = pixels - stop[np.append(first[1:], len(stop)) - 1]
    lengths = np.insert(lengths, np.cumsum(count)[rest > 0], rest[rest > 0])
    count += rest > 0
    ends = np.cumsum(count)
    # From the fourth on, a length is told by its difference from the last but one.
    place = np.arange(len(lengths)) - np.repeat(ends - count, count)
    values = lengths.copy()
    values[2:] -= np.where(place[2:] > 2, lengths[:-2], 0)
    # Five bits a character, the lowest first; the sixth says that more follow.
    characters = np.zeros((len(values), 8), np.uint8)
    going = np.ones(len(values), bool)
    for position in range(characters.shape[1]):
        bits = values & 31
        values = values >> 5
        more = np.where(bits & 16, values != -1, values != 0)
        characters[going, position] = (bits + 32 * more + 48)[going]
        going = going & more
    used = characters > 0
    text = characters[used].tobytes().decode("ascii")
    last = np.cumsum(used.sum(axis=1))[ends - 1].tolist()
    begin = 0
    for end in last:
        yield text[begin:end]
        begin = end
