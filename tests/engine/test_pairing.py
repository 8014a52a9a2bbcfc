"""Images and masks belong together by their names, and by nothing that is doubtful."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unetloop.errors import EngineError
from unetloop.pairing import pair_by_stem

if TYPE_CHECKING:
    from pathlib import Path


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def _paired(folder: Path, masks: str = "masks") -> dict[str, str]:
    pairs = pair_by_stem(folder / "images", folder / masks)
    return {pair.stem: pair.mask.name for pair in pairs}


def test_pairs_by_stem_and_lists_what_has_none(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/b.tif", "masks/a.tif", "masks/b.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    pairs = pair_by_stem(tmp_path / "images", tmp_path / "masks")
    assert [(pair.image.name, pair.mask.name) for pair in pairs] == [
        ("a.png", "a.tif"),
        ("b.tif", "b.tif"),
    ]
    (tmp_path / "images" / "lonely.tif").touch()
    (tmp_path / "masks" / "alone.tif").touch()
    with pytest.raises(EngineError, match=r"lonely\.tif.*alone\.tif"):
        pair_by_stem(tmp_path / "images", tmp_path / "masks")
    for number in range(1000):
        (tmp_path / "images" / f"{number}.tif").touch()
    with pytest.raises(EngineError, match=r"992 more\.") as caught:
        pair_by_stem(tmp_path / "images", tmp_path / "masks")
    assert str(caught.value).count(".tif") == 10


def test_two_images_of_one_stem_are_refused(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/a.tif", "masks/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(EngineError, match="Two images have the same name"):
        pair_by_stem(tmp_path / "images", tmp_path / "masks")


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.OME.TIF", "a.ome.zarr"])
def test_an_image_is_paired_whatever_its_suffixes(tmp_path: Path, name: str) -> None:
    image, mask = tmp_path / "images" / name, tmp_path / "masks" / "a.png"
    image.parent.mkdir()
    mask.parent.mkdir()
    image.touch()
    mask.touch()
    (pair,) = pair_by_stem(image.parent, mask.parent)
    assert (pair.image, pair.mask) == (image, mask)


@pytest.mark.parametrize(
    "ending", ["_mask", "_masks", "_label", "_labels", "_seg", "_cp_masks"]
)
def test_masks_of_other_programs_are_known_by_their_endings(
    tmp_path: Path, ending: str
) -> None:
    _touch(tmp_path, "images/a.ome.tif", "images/deep/b.png")
    _touch(tmp_path, f"masks/a{ending}.png", f"masks/deep/b{ending}.tif")
    assert _paired(tmp_path) == {"a": f"a{ending}.png", "deep/b": f"b{ending}.tif"}


def test_the_same_name_goes_before_an_ending(tmp_path: Path) -> None:
    _touch(tmp_path, "images/a.tif", "images/a_mask.tif")
    _touch(tmp_path, "masks/a.tif", "masks/a_mask.tif")
    assert _paired(tmp_path) == {"a": "a.tif", "a_mask": "a_mask.tif"}
    _touch(tmp_path, "masks/a_masks.tif")  # whose is it?
    with pytest.raises(EngineError, match=r"no partner: mask .*a_masks\.tif"):
        _paired(tmp_path)


@pytest.mark.parametrize(
    ("images", "masks", "sentence"),
    [
        (["a"], ["a_mask", "a_masks"], r"Two masks could be .*a_mask\.tif.*a_masks\."),
        (["a", "a_cp"], ["a_cp_masks", "a_mask"], "no partner: image .*a_cp"),
        (["a"], ["a_flows"], "no partner: image .*a.tif; mask .*a_flows"),
    ],
)
def test_what_is_doubtful_is_not_paired(
    tmp_path: Path, images: list[str], masks: list[str], sentence: str
) -> None:
    _touch(tmp_path, *(f"images/{name}.tif" for name in images))
    _touch(tmp_path, *(f"masks/{name}.tif" for name in masks))
    with pytest.raises(EngineError, match=sentence):
        _paired(tmp_path)


def test_masks_may_lie_beside_their_images(tmp_path: Path) -> None:
    """As Cellpose leaves them; no image is learned from as its own mask."""
    names = ("a.tif", "a_cp_masks.png", "b.tif", "b_masks.tif")
    _touch(tmp_path / "images", *names)
    assert _paired(tmp_path, "images") == {"a": "a_cp_masks.png", "b": "b_masks.tif"}
    _touch(tmp_path / "images", "c.tif")
    with pytest.raises(EngineError, match=r"no partner: image .*c\.tif"):
        _paired(tmp_path, "images")


def test_an_image_is_not_its_own_mask(tmp_path: Path) -> None:
    _touch(tmp_path / "images", "a.tif", "b.tif")
    with pytest.raises(EngineError, match=r"none is called like a mask .*Give two"):
        _paired(tmp_path, "images")
    with pytest.raises(EngineError, match="given as image and as mask"):
        pair_by_stem(tmp_path / "images/a.tif", tmp_path / "images/../images/a.tif")


def test_two_files_belong_together_and_a_folder_and_a_file_by_their_names(
    tmp_path: Path,
) -> None:
    _touch(tmp_path, "images/a.ome.tif", "other.png")
    image, mask = tmp_path / "images/a.ome.tif", tmp_path / "other.png"
    (pair,) = pair_by_stem(image, mask)
    assert (pair.image, pair.mask, pair.stem) == (image, mask, "a")
    for folder, file in ((image.parent, mask), (mask, image.parent)):
        with pytest.raises(EngineError, match="no partner"):
            pair_by_stem(folder, file)


def test_reviews_are_called_as_their_images_or_masks(tmp_path: Path) -> None:
    _touch(tmp_path, "images/a.tif", "images/b.tif", "masks/a_mask.tif", "masks/b.tif")
    _touch(tmp_path, "review/a_mask.tif", "review/b.tif")
    pairs = pair_by_stem(tmp_path / "images", tmp_path / "masks", tmp_path / "review")
    assert [pair.review and pair.review.name for pair in pairs] == [
        "a_mask.tif",
        "b.tif",
    ]
