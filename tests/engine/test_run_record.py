"""What killed runs leave behind is cleared, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop.atomic import fresh_path
from unetloop.run_record import Records

if TYPE_CHECKING:
    from pathlib import Path


def test_half_written_files_and_folders_are_cleared_wherever_they_are(
    tmp_path: Path,
) -> None:
    fresh = fresh_path(tmp_path / "a").name
    old = fresh.replace(".new", ".old.new")
    left = [f"labels/{old}/0/0/0", f"labels/plate/{fresh}", f"overlays/{fresh}", fresh]
    kept = ["labels/a.ome.zarr/0/0/0", "labels/a.new", f"mine/{fresh}"]
    kept += [".notes.new", "labels/.notes.new"]  # hidden, and not ours
    for name in (*left, *kept, "records/.labels7"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"rest")
    with Records(tmp_path).locked():
        pass
    there = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    assert there == set(kept)
