"""The colours that files give their channels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from unetloop.channel_colours import read_channel_colours

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = np.zeros((3, 16, 20), np.uint16)


def test_ome_tiff(tmp_path: Path) -> None:
    colours = [0x0000FFFF, -16776961, 0xFFFFFFFF]  # red is negative as a signed one
    colours = [value - 2**32 if value > 2**31 else value for value in colours]
    metadata = {"axes": "CYX", "Channel": {"Color": colours}}
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=metadata)
    found = read_channel_colours(tmp_path / "a.ome.tif")
    assert found == ("#0000ff", "#ff0000", "")  # white says nothing


def test_imagej_tables(tmp_path: Path) -> None:
    tables = []
    for rgb in ((0, 255, 0), (255, 0, 255), (255, 255, 255)):
        ramp = np.arange(256)[None] * np.array(rgb)[:, None] // 255
        tables.append(ramp.astype(np.uint8))
    tifffile.imwrite(
        tmp_path / "a.tif",
        PIXELS,
        imagej=True,
        metadata={"axes": "CYX", "LUTs": tables, "mode": "composite"},
    )
    assert read_channel_colours(tmp_path / "a.tif") == ("#00ff00", "#ff00ff", "")


def test_ome_zarr_of_both_versions(tmp_path: Path) -> None:
    omero = {"channels": [{"color": "FF0000"}, {"color": "nonsense"}, {}]}
    old, new = tmp_path / "old.zarr", tmp_path / "new.zarr"
    for folder in (old, new):
        folder.mkdir()
    (old / ".zattrs").write_text(json.dumps({"omero": omero}))
    attributes = {"attributes": {"ome": {"omero": omero}}}
    (new / "zarr.json").write_text(json.dumps(attributes))
    for folder in (old, new):
        assert read_channel_colours(folder) == ("#ff0000", "", "")


def test_what_says_nothing_or_is_damaged_has_none(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", PIXELS, photometric="minisblack")
    (tmp_path / "bad.tif").write_bytes(b"no image")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("plain.tif", "bad.tif", "empty.zarr", "missing.tif", "a.png"):
        assert read_channel_colours(tmp_path / name) == ()
