"""An OME-TIFF in several files: which files make up the image that one is part of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["has_all_files", "ome_files"]

_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.btf")


def ome_files(path: Path) -> tuple[Path, ...]:
    """List the files of the image that a file is part of, as its OME-XML says.

    Parameters
    ----------
    path : Path
        Any file; only names that end in ``.ome.tif`` and its kin are looked into.

    Returns
    -------
    tuple of Path
        Those that are there, sorted; ``path`` alone if it holds its image whole, or
        is no OME-TIFF. A file of several positions that lists the others, too, is
        part of its own alone.

    Notes
    -----
    https://docs.openmicroscopy.org/ome-model/6.3.1/ome-tiff/specification.html: each
    file of a set holds the OME-XML of all, in which ``TiffData/UUID`` names files.
    """
    if not path.name.lower().endswith(_SUFFIXES):
        return (path,)
    xml = _read_xml(path)
    root = _parse(xml) if xml else None
    if root is None:
        return (path,)
    mine = [
        (_pixels(image), names)
        for image in root.findall("{*}Image/{*}Pixels")
        if path.name in (names := _names(image, path, root.get("UUID", "")))
    ]
    if not mine:
        return (path,)
    # As the reader does: of several images in a file, the first of the largest.
    _, names = max(mine, key=lambda item: item[0])
    there = {path.with_name(name) for name in names if name and Path(name).name == name}
    found = sorted(file for file in there if file == path or file.is_file())
    return tuple(found)


def has_all_files(path: Path, xml: str) -> bool:
    """Whether the files are there that make up the image that a file is part of.

    Parameters
    ----------
    path : Path
        The file.
    xml : str
        Its OME-XML.
    """
    root = _parse(xml)
    if root is None:
        return False
    listed = [
        _names(image, path, root.get("UUID", ""))
        for image in root.findall("{*}Image/{*}Pixels")
    ]
    mine = [names for names in listed if path.name in names]
    return all(path.with_name(name).is_file() for name in set().union(*mine) if name)


def _read_xml(path: Path) -> str | None:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            xml: str | None = tiff.ome_metadata
            return xml
    except Exception:  # noqa: BLE001 - whoever opens the damaged file will say so
        return None


def _parse(xml: str) -> Element | None:
    from xml.etree import ElementTree

    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None


def _names(image: Any, path: Path, own: str) -> set[str]:
    """Name the files of an image; the one that was read has the name it has now."""
    names = set()
    for item in image.findall("{*}TiffData"):
        uuid = item.find("{*}UUID")
        here = uuid is None or (own and (uuid.text or "").strip() == own)
        names.add(path.name if here else uuid.get("FileName", ""))
    return names or {path.name}


def _pixels(image: Any) -> int:
    count = 1
    for axis in "XYZCT":
        size = image.get(f"Size{axis}", "1")
        # What is no number, whoever opens the file will complain of.
        count *= int(size) if size.isdecimal() else 1
    return count
