"""Which mask, and which review, belongs to which image: by their names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from unetloop.errors import EngineError
from unetloop.files import FoundImage, find_images

__all__ = ["Pair", "pair_by_stem"]

# How other programs end the names of masks; the second last is Cellpose's.
_ENDINGS = ("_mask", "_masks", "_label", "_labels", "_cp_masks", "_seg")
_LISTED = 10


@dataclass(frozen=True)
class Pair:
    """An image with its mask, its review where there is one, and their common name.

    The name is that below the folders, without suffixes: ``a/x`` of ``a/x.ome.tif``.
    """

    image: Path
    mask: Path
    review: Path | None = None
    stem: str = ""


def pair_by_stem(
    images: Path,
    masks: Path,
    review: Path | None = None,
    called: tuple[str, str] = ("image", "mask"),
) -> list[Pair]:
    """Match the images, masks and reviews of folders by the stem of their names.

    The mask of ``x.tif`` is called ``x``, with any suffix; or else ``x_mask``,
    ``x_masks``, ``x_label``, ``x_labels``, ``x_seg`` or ``x_cp_masks``, if only one of
    these is there. Two single files belong together, whatever they are called.

    Parameters
    ----------
    images, masks : Path
        Folders (looked into recursively), or one file each. The same folder, where
        masks have such names.
    review : Path, optional
        Folder of reviews; an image without one counts as not looked at, so
        each needs one.
    called : tuple of str
        What the first two are, in messages.

    Raises
    ------
    EngineError
        If any image or mask has no partner, or could have two; the first of them are
        listed. If one file, or a folder without such names, is given as both.
    """
    one, other = called
    same = os.path.realpath(images) == os.path.realpath(masks)
    if same and images.is_file():
        raise EngineError(
            f"One file is given as {one} and as {other}.",
            todo=f"Give the {other} that belongs to the {one}.",
            path=str(images),
        )
    if images.is_file() and masks.is_file() and review is None:
        return [
            Pair(images, masks, stem=FoundImage(images, Path(images.name)).stem.name)
        ]
    by_image = _by_stem(images, f"{one}s")
    by_mask = _by_stem(masks, f"{other}s")
    if same:  # no image is its own mask
        by_mask = {stem: by_mask[stem] for stem in by_mask if _bases(stem, by_image)}
        if not by_mask:
            raise EngineError(
                f"{one.capitalize()}s and {other}s are in one folder, and none is "
                f"called like a {other} of another one.",
                todo="Give two folders, or names as NAME and NAME_mask.",
                path=str(images),
            )
        by_image = {stem: by_image[stem] for stem in by_image if stem not in by_mask}
    by_mask = _by_image(by_mask, by_image, one, other)
    wrong = _differences(by_image, by_mask, one, other)
    by_review: dict[str, Path] = {}
    if review is not None:
        by_review = _by_image(_by_stem(review, "reviews"), by_image, one, "review")
        wrong += _differences(by_mask, by_review, other, "review")
    if wrong:
        more = len(wrong) - _LISTED
        raise EngineError(
            f"{one.capitalize()}s and {other}s are paired by name, and some have no "
            f"partner: {'; '.join(wrong[:_LISTED])}"
            f"{f'; and {more:,} more' if more > 0 else ''}.",
            todo="Give both the same names (suffixes may differ), or remove them.",
        )
    return [
        Pair(by_image[stem], by_mask[stem], by_review.get(stem), stem)
        for stem in sorted(by_image)
    ]


def _by_stem(folder: Path, what: str) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for found in find_images([folder], recursive=True):
        stem = found.stem.as_posix()
        if stem in stems:
            raise EngineError(
                f"Two {what} have the same name without suffix.",
                todo="Rename one of them.",
                first=str(stems[stem]),
                second=str(found.path),
            )
        stems[stem] = found.path
    return stems


def _bases(stem: str, images: dict[str, Path]) -> list[str]:
    """List the images that a mask is called after, by the endings of others."""
    bases = (stem.removesuffix(ending) for ending in _ENDINGS if stem.endswith(ending))
    return [base for base in bases if base in images]


def _by_image(
    masks: dict[str, Path], images: dict[str, Path], one: str, other: str
) -> dict[str, Path]:
    """Name masks as their images are; one without an image keeps its name."""
    result = {stem: path for stem, path in masks.items() if stem in images}
    exact = set(result)
    for stem in sorted(set(masks) - exact):
        bases = [base for base in _bases(stem, images) if base not in exact]
        name = bases[0] if len(bases) == 1 else stem
        if name in result:
            raise EngineError(
                f"Two {other}s could be those of the same {one}.",
                todo="Leave one of them in the folder.",
                first=str(result[name]),
                second=str(masks[stem]),
            )
        result[name] = masks[stem]
    return result


def _differences(
    left: dict[str, Path], right: dict[str, Path], one: str, other: str
) -> list[str]:
    return [
        *(f"{one} {left[stem]}" for stem in sorted(set(left) - set(right))),
        *(f"{other} {right[stem]}" for stem in sorted(set(right) - set(left))),
    ]
