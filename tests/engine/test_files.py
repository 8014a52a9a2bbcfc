"""Which files are meant, and writing that can't break off."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unetloop.errors import EngineError
from unetloop.files import find_images
from unetloop.images import open_image


def test_find_images_sorts_and_skips(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "stack.zarr").mkdir()
    for name in ("b.tif", "a.PNG", ".c.tif", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "deep" / "er" / "d.jpg").touch()
    (tmp_path / ".hidden" / "e.tif").touch()
    flat = [str(item.relative) for item in find_images([tmp_path])]
    assert flat == ["a.PNG", "b.tif", "stack.zarr"]
    deep = {item.relative for item in find_images([tmp_path], recursive=True)}
    assert deep == {*map(Path, flat), Path("deep/er/d.jpg")}
    twice = find_images([tmp_path / "b.tif", tmp_path])
    assert len(twice) == 3
    assert twice[0].relative == Path("b.tif")


def test_find_images_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such file or folder"):
        find_images([tmp_path / "none"])
    with pytest.raises(EngineError, match="--recursive"):
        find_images([tmp_path])


def test_find_images_says_where_the_masks_of_results_are(tmp_path: Path) -> None:
    for name in ("labels", "records"):
        (tmp_path / name).mkdir()
    (tmp_path / "labels/a.tif").touch()
    (tmp_path / "run.json").touch()
    for recursive in (False, True):
        with pytest.raises(EngineError, match="give its folder labels"):
            find_images([tmp_path], recursive)
    assert len(find_images([tmp_path / "labels"])) == 1


def test_find_images_says_which_folders_below_have_some(tmp_path: Path) -> None:
    for name in ("day 1", "day 2", "day 3", "day 4", ".hidden", "labels"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.tif").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "run.json").touch()
    (tmp_path / "records").mkdir()  # so that labels are results
    with pytest.raises(EngineError) as caught:
        find_images([tmp_path])
    assert caught.value.what.endswith("below: day 1, day 2, day 3 and 1 more.")
    assert caught.value.todo == "Choose these folders instead, or add --recursive."
    with pytest.raises(EngineError, match=r"image here\. Received"):
        find_images([tmp_path / "empty"], recursive=True)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="only a user who is not root can be denied a folder",
)
def test_a_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    try:
        with pytest.raises(EngineError, match="can't be read"):
            find_images([folder])
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("target", ["gone.tif", "b.tif"])
def test_a_link_that_leads_nowhere_is_an_image_that_is_missing(
    tmp_path: Path, target: str
) -> None:
    """Left out without a word, it would be missing in the tables, too."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    (tmp_path / "b.tif").symlink_to(target)
    found = [item.path for item in find_images([tmp_path])]
    assert found == [tmp_path / "a.tif", tmp_path / "b.tif"]
    with pytest.raises(EngineError, match="no such image"):
        open_image(found[1])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(EngineError, match=r"a pipe.*a\.tif"):
        find_images([tmp_path / "a.tif"])
    with pytest.raises(EngineError, match=r"a pipe.*a\.tif"):
        open_image(tmp_path / "a.tif")


def test_a_project_beside_the_images_is_not_searched_for_images(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    masks = tmp_path / "unet-loop/segmentation/a"
    masks.mkdir(parents=True)
    tifffile.imwrite(masks / "0.tif", np.zeros((4, 4), np.uint8))
    assert len(find_images([tmp_path], recursive=True)) == 2
    (tmp_path / "unet-loop/project.json").write_text("{}")
    assert len(find_images([tmp_path], recursive=True)) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_folder_that_leads_back_to_itself_is_searched_once(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "day 1"
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "a.tif", np.zeros((4, 4), np.uint8))
    (folder / "all").symlink_to(tmp_path / "images", target_is_directory=True)
    (tmp_path / "images" / "again").symlink_to(folder, target_is_directory=True)
    (tmp_path / "images" / "gone").symlink_to(tmp_path / "nowhere")
    found = find_images([tmp_path / "images"], recursive=True)
    assert [image.path.name for image in found] == ["a.tif"]
