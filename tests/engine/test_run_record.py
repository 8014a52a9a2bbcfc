"""What killed runs leave behind is cleared, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop.run_record import Records

if TYPE_CHECKING:
    from pathlib import Path


def test_half_written_files_and_folders_are_cleared_wherever_they_are(
    tmp_path: Path,
) -> None:
    left = ("labels/.1.new/0/0/0", "labels/plate/.2.new", "overlays/.3.new", ".4.new")
    kept = ("labels/a.ome.zarr/0/0/0", "labels/a.new", "mine/.5.new")
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
