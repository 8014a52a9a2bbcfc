"""The output folder of a batch, read for the screen: images, masks, measurements."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._batch_state import CLASSES_BESIDE, NUCLEI_BESIDE
from unetloop.classes import classes_from_json
from unetloop.errors import EngineError
from unetloop.images import open_image
from unetloop.run_record import Records, read_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from unetloop.classes import TissueClass

__all__ = ["ResultImage", "Results", "features_of", "is_results", "read_labels_of"]
__all__ += ["read_results"]


@dataclass(frozen=True)
class ResultImage:
    """An image that a batch has done.

    Parameters
    ----------
    name : str
        What the tables call it.
    path : Path, optional
        The image; None where it is not known or away.
    labels : Path
        Its masks.
    """

    name: str
    path: Path | None
    labels: Path


@dataclass(frozen=True)
class Results:
    """What an output folder holds.

    Parameters
    ----------
    folder : Path
        It.
    images : tuple of ResultImage
        Those that are done, in the order of the tables.
    columns : dict of array
        The columns of ``measurements.csv``, (nuclei,) each; ``image`` holds places
        in ``images``; numbers elsewhere, NaN where not known.
    channel : str
        The channel that was predicted by; empty: the engine chose.
    classes : tuple of TissueClass
        What the numbers of the masks mean, from 1; empty: they number nuclei.
    """

    folder: Path
    images: tuple[ResultImage, ...]
    columns: Mapping[str, NDArray[Any]]
    channel: str = ""
    classes: tuple[TissueClass, ...] = ()

    @property
    def nuclei(self) -> int:
        """Number of nuclei, or rows of classes."""
        return len(self.columns["label"])

    def class_name(self, number: int) -> str:
        """Give the name of a class, counted from 1."""
        known = 0 < number <= len(self.classes)
        return self.classes[number - 1].name if known else str(number)

    def find(self, image: int, plane: int, label: int) -> int | None:
        """Give the row of a nucleus."""
        same = (
            (self.columns["label"] == label)
            & (self.columns["plane"] == plane)
            & (self.columns["image"] == image)
        )
        found = np.flatnonzero(same)
        return int(found[0]) if len(found) else None


def is_results(folder: Path) -> bool:
    """Whether a folder holds the results of a batch."""
    there = (folder / "summary.csv").is_file() and (folder / "records").is_dir()
    return there and read_run(folder) is not None


def read_results(folder: Path) -> Results:
    """Read the tables of an output folder.

    Raises
    ------
    EngineError
        If it is none, or a table can't be read.
    """
    run = read_run(folder)
    if run is None or not is_results(folder):
        raise EngineError(
            "This folder holds no results of a batch.",
            todo="Choose a folder with run.json and summary.csv in it.",
            folder=str(folder),
        )
    try:
        with (folder / "summary.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["status"] == "done"]
        paths = {str(item["image"]): Path(item["path"]) for item in run["inputs"]}
        images = tuple(_image(folder, row, paths) for row in rows)
        columns = _read_columns(folder / "measurements.csv", images)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            f"The tables of the results can't be read ({error}).",
            todo="Run the batch again: it makes its tables anew.",
            folder=str(folder),
        ) from error
    channel = run.get("settings", {}).get("channel") or ""
    classes = classes_from_json(run.get("model", {}).get("classes") or ())
    return Results(folder, images, columns, str(channel), classes)


def read_labels_of(image: ResultImage) -> NDArray[Any]:
    """Read the masks of an image, (planes..., rows, columns).

    Raises
    ------
    EngineError
        If they can't be read.
    """
    with open_image(image.labels) as file:
        info = file.info
        planes = [file.read_plane(plane)[..., 0] for plane in range(info.planes)]
    lead = tuple(info.size(axis) for axis in "TZ" if info.size(axis) > 1)
    stack = planes[0] if len(planes) == 1 else np.stack(planes)
    return stack.reshape(*lead, info.height, info.width)


def features_of(results: Results, image: int) -> pd.DataFrame | None:
    """Give an image's measurements as napari's features: the row is the label.

    So napari's own "Features table widget" shows them, too, and its status bar names
    what is under the pointer. None for a stack: its planes number their nuclei each
    from 1, which napari's features can't tell apart. Of classes it is the names.
    """
    import pandas as pd

    if results.classes:
        names = [tissue.name for tissue in results.classes]
        return pd.DataFrame({"class": ["", *names], "label": range(len(names) + 1)})
    mine = results.columns["image"] == image
    columns = {name: column[mine] for name, column in results.columns.items()}
    if not mine.any() or columns["plane"].max() > 0:
        return None
    table = pd.DataFrame(
        {name: column for name, column in columns.items() if name not in _PLACE}
    ).set_index(columns["label"])
    last = int(columns["label"].max())
    return table.reindex(range(last + 1)).assign(label=range(last + 1))


_PLACE = ("image", "plane")


def _image(folder: Path, row: dict[str, str], paths: dict[str, Path]) -> ResultImage:
    name, labels = row["image"], row["labels"]
    path = paths.get(name)
    if path is None:  # of an earlier run into this folder
        stem = Path(labels).relative_to("labels").as_posix()
        stem = stem.removesuffix(".tif").removesuffix(".ome.zarr")
        record = Records(folder).read(stem)
        path = Path(record.image) if record is not None else None
    # Moved to another place together with its results?
    name_of_images = folder.name.removesuffix(NUCLEI_BESIDE).removesuffix(
        CLASSES_BESIDE
    )
    images = folder.parent / name_of_images
    near = (path, images / name, folder.parent / name)
    found = (place for place in near if place is not None and place.exists())
    return ResultImage(name, next(found, None), folder / labels)


def _read_columns(
    path: Path, images: tuple[ResultImage, ...]
) -> dict[str, NDArray[Any]]:
    import pandas as pd

    # An image may be called "NA", and that is not nothing.
    table = pd.read_csv(
        path, dtype={"image": str}, keep_default_na=False, na_values=[""]
    )
    places = {image.name: number for number, image in enumerate(images)}
    numbers = table["image"].map(places).fillna(-1).to_numpy(np.int64)
    columns: dict[str, NDArray[Any]] = {"image": numbers}
    for name in table.columns[1:]:
        # Of tissue: its number says which.
        values = table["label" if name == "class" else name]
        columns[str(name)] = pd.to_numeric(values).to_numpy()
    known = numbers >= 0
    return {name: column[known] for name, column in columns.items()}
