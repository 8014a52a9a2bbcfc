"""What a batch would do, before it does it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from batch_parts import CONFIG, draw_discs, run

from unetloop.batch import BatchOptions
from unetloop.errors import EngineError
from unetloop.files import find_images
from unetloop.planning import plan_images

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.checkpoint import Model


def _planned(folder: Path, out: Path | None, model: Model, **rest: Any) -> Any:
    start, config = rest.pop("start_seconds", 0.0), rest.pop("config", CONFIG)
    found, options = find_images([folder], True), BatchOptions(**rest)
    network = model.network()
    work = plan_images(found, out, model, network, config, options, start_seconds=start)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


def test_a_plan_counts_the_start_of_the_network(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    def seconds(folder: Path, start: float) -> float:
        planned = _planned(folder, None, model, start_seconds=start)
        return float(planned["seconds"])

    assert seconds(deep, 1000.0) > 1000 > seconds(deep, 0.0)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.tif").write_text("this is no image")
    assert seconds(tmp_path / "bad", 1000.0) == 0  # nothing to start it for


def test_a_plan_counts_the_looks_for_an_unknown_diameter(
    deep: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetloop.planning._seconds_a_pixel", lambda network: 1.0)
    unknown = _planned(deep, None, model, config=replace(CONFIG, diameter=None))
    # Real images took 2 to 4 times as long as it said when it counted one look.
    assert unknown["seconds"] > 4 * _planned(deep, None, model)["seconds"]


def test_a_plan_says_what_is_to_be_done(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    run(deep, out, model)
    planned = _planned(deep, out, model, start_seconds=100.0)
    counts = ("done", "exported", "left_alone")
    assert [planned[name] for name in counts] == [3, 0, 0]
    assert (planned["seconds"], planned["bytes"]) == (0, 0)
    assert planned["anew"]["seconds"] > 100
    assert planned["anew"]["bytes"] > 0
    later = _planned(deep, out, model, start_seconds=100.0, exports=("rois",))
    assert [later[name] for name in counts] == [0, 3, 0]
    assert 0 < later["seconds"] < 100
    (out / "labels/a.tif").write_bytes(b"mine")
    tifffile.imwrite(deep / "b.tif", draw_discs(1))
    (deep / "sub/c.tif").write_text("this is no image")
    planned = _planned(deep, out, model, start_seconds=100.0)
    assert {file["name"]: file["choice"] for file in planned["files"]} == {
        "a.tif": "edited",
        "b.tif": "predict",
        "sub/c.tif": "predict",
    }
    assert [planned[name] for name in counts] == [0, 0, 1]
    assert planned["seconds"] > 100
    assert 0 < planned["bytes"] < planned["anew"]["bytes"]
    with pytest.raises(EngineError, match="no format to export to"):
        _planned(deep, out, model, exports=("xml",))


def test_a_plan_calls_the_colours_as_users_choose_them(
    tmp_path: Path, model: Model
) -> None:
    (tmp_path / "in").mkdir()
    grey = draw_discs(1)
    tifffile.imwrite(tmp_path / "in/a.tif", np.stack([grey] * 3, -1), photometric="rgb")

    def reads(**options: Any) -> list[str]:
        (file,) = _planned(tmp_path / "in", None, model, **options)["files"]
        found: list[str] = file["reads"]
        return found

    assert reads() == ["all colours"]
    assert reads(channel="all colours") == ["all colours"]
    assert reads(channel="green") == ["green"]
