"""A simulated person: sees what of a proposal is wrong, and mends it with the tools.

Pure: everything follows from the truth, the proposal and the review. A proposal
that holds most of several nuclei is split along their border, several that lie
mostly in one nucleus are joined, one that belongs to no nucleus is deleted, one
with a wrong outline is painted over, a nucleus without any is painted. What is
right needs nothing: in the end the whole box is said to be right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from skimage.measure import label
from skimage.segmentation import relabel_sequential

from unetloop import corrections
from unetloop.metrics import THRESHOLDS, evaluate_pair
from unetloop.numbering import free_number
from unetloop.pieces import SQUARE, bounds, box_window, grown, line_pixels, within
from unetloop.preprocessing import median_diameter
from unetloop.strokes import touched

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    from unetloop.corrections import Change
    from unetloop.pieces import Window

__all__ = [
    "RIGHT",
    "SECONDS",
    "Action",
    "correct",
    "look",
    "mend",
    "set_slider",
    "visible",
]

THINKING = 0.5
"""Seconds to notice the next thing that is wrong, for each action."""

# Pointing takes about 1.1 s and a key 0.2 s, the keystroke-level model says (Card,
# Moran, Newell 1980, doi:10.1145/358886.358895), for targets that are further apart.
SECONDS = {
    "delete": 1.0,  # point, key
    "split": 2.5,  # key, point, and a drag that must follow the border
    "join": 2.0,  # key, point, and a drag that must not
    "paint": 4.0,  # key, size of the brush, point, fill; and the outline, below
    "repaint": 2.0,  # point, pick the number; and the outline, below
    "box": 1.0,  # look once more, key
    "next": 2.0,  # key, and find one's way about the new image
    "slider": 5.0,  # point, and drag while the outlines follow
}
"""What each action takes, in seconds, without thinking."""

_OUTLINE = 1.0
"""Seconds to follow as much of an outline as a typical nucleus is wide."""

RIGHT = 0.7
"""IoU from which a person takes an outline for right."""

_RELATED = 0.25
"""IoU below which nobody sees what a proposal was meant to be."""

_MARGIN = 128
_POINTS_APART = 4
_SLIDER = tuple(np.arange(0.2, 0.91, 0.05).round(2).tolist())
_PAYS = 0.05
# What has fewer pixels of the truth is a crumb of its annotation.
_CRUMB = 8


@dataclass(frozen=True)
class Action:
    """Something to do with the mouse.

    Parameters
    ----------
    kind : str
        ``"delete"``, ``"split"``, ``"join"``, ``"paint"`` or ``"repaint"``.
    nucleus : int
        Number of the true nucleus that is at stake; 0: none.
    where : array of int
        (n, 2), rows and columns: the point or line of a tool, or the pixels that
        the brush fills.
    seconds : float
        What it takes, thinking included.
    number : int
        What the brush fills with; 0: a number that is free.
    erased : array of int
        (n, 2): pixels that are made background before.
    """

    kind: str
    nucleus: int
    where: NDArray[np.int64]
    seconds: float
    number: int = 0
    erased: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), int))

    @property
    def target(self) -> tuple[int, ...]:
        """What it is about: the nucleus, or where a false one lies."""
        return (self.nucleus,) if self.nucleus else tuple(self.where[0].tolist())


def visible(truth: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the connected pieces of the truth, without its crumbs.

    Parameters
    ----------
    truth : array of int32
        (rows, columns): 0 background, one number a nucleus.

    Returns
    -------
    array of int32
        The same, 1..N.
    """
    pieces = label(truth, connectivity=2)
    pieces[np.bincount(pieces.ravel())[pieces] < _CRUMB] = 0
    numbered: NDArray[np.int32] = relabel_sequential(pieces)[0].astype(np.int32)
    return numbered


def set_slider(
    truth: NDArray[np.int32],
    at_threshold: Callable[[float], NDArray[np.int32]],
    before: float,
    box: tuple[int, int, int, int],
) -> float:
    """Drag the slider of the threshold to where most outlines look right, if it pays.

    Parameters
    ----------
    truth : array of int32
        (rows, columns), as from `visible`.
    at_threshold : callable
        Gives the proposals, (rows, columns), that the slider shows there.
    before : float
        Where it stands.
    box : tuple of int
        First row and column, and last row and column + 1: what is looked at.

    Returns
    -------
    float
        Where it stands then: as before, unless one outline in twenty, and two at
        least, gets right; no further than it must.
    """
    part = box_window(box, truth.shape)
    if part is None:
        return before
    true = truth[part]
    total = len(np.unique(true[true > 0]))

    def right(threshold: float) -> int:
        score = evaluate_pair(true, at_threshold(threshold)[part])
        return score.matched[THRESHOLDS.index(RIGHT)]

    now = right(before)
    counts = [right(threshold) for threshold in _SLIDER]
    if max(counts) - now < max(_PAYS * total, 2):
        return before
    best = [t for t, n in zip(_SLIDER, counts, strict=True) if n == max(counts)]
    return float(min(best, key=lambda threshold: abs(threshold - before)))


def correct(
    truth: NDArray[np.int32],
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    *,
    overlooks: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Iterator[tuple[Action, Change | None]]:
    """Mend all that is wrong in a box, the worst first.

    Parameters
    ----------
    truth : array of int32
        (rows, columns), as from `visible`.
    segmentation, review : array
        The plane's two arrays. They are looked at anew for each action: whoever
        asks puts each change in before asking for the next.
    box : tuple of int
        First row and column, and last row and column + 1.
    overlooks : float
        Share of what is wrong that is never seen.
    rng : numpy.random.Generator, optional
        Says what is overlooked.

    Yields
    ------
    action : Action
        What the person does.
    change : Change or None
        What the tool makes of it; None: nothing, and another way is found.
    """
    rng = rng or np.random.default_rng(0)
    tried: set[int] = set()
    skipped: set[tuple[int, ...]] = set()
    while True:
        wrong = look(truth, segmentation, box, tried)
        action = next((item for item in wrong if item.target not in skipped), None)
        if action is None:
            return
        if rng.random() < overlooks:
            skipped.add(action.target)
            continue
        change = mend(segmentation, review, action)
        if action.kind in ("split", "join"):
            tried.add(action.nucleus)  # next time, with the brush
        elif change is None:
            skipped.add(action.target)
        yield action, change


def mend(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], action: Action
) -> Change | None:
    """Use the tool; neither array is changed."""
    if action.kind == "delete":
        return corrections.delete(segmentation, review, action.where[0])
    if action.kind == "split":
        return corrections.split(segmentation, review, action.where)
    if action.kind == "join":
        return corrections.join(segmentation, review, action.where)
    painted = segmentation.copy()
    painted[tuple(action.erased.T)] = 0
    number = action.number or free_number(segmentation)
    painted[tuple(action.where.T)] = number
    return touched(segmentation, painted, review)


def look(
    truth: NDArray[np.int32],
    segmentation: NDArray[np.int32],
    box: tuple[int, int, int, int],
    tried: Collection[int] = (),
) -> Iterator[Action]:
    """See what is wrong in a box: each thing with what would mend it.

    Parameters
    ----------
    truth, segmentation, box
        As for `correct`.
    tried : collection of int
        True nuclei that a line did not mend: they are painted.

    Yields
    ------
    Action
        Only the first is sure to fit; after it, look again.
    """
    scene = _Scene(truth, segmentation, box)
    yield from scene.merged(tried)
    yield from scene.divided(tried)
    yield from scene.unpaired()


class _Scene:
    """Which true nuclei and which pieces of the proposal share pixels in a box."""

    def __init__(
        self,
        truth: NDArray[np.int32],
        segmentation: NDArray[np.int32],
        box: tuple[int, int, int, int],
    ) -> None:
        inside = box_window(box, truth.shape)
        if inside is None:
            raise ValueError(f"The box lies beyond the image: {box}")
        self._window = grown(inside, _MARGIN, truth.shape)
        self._corner = _corner(self._window)
        self._numbers = segmentation[self._window]
        values, compact = np.unique(truth[self._window], return_inverse=True)
        if values[0] != 0:
            values, compact = np.append(0, values), compact + 1
        self._names = values
        self._true = compact.reshape(self._numbers.shape)
        self._diameter = median_diameter(self._true) or 1.0
        self._pieces = label(self._numbers, connectivity=2)
        shape = len(values), int(self._pieces.max()) + 1
        pairs = self._true * shape[1] + self._pieces
        self._shared = np.bincount(pairs.ravel(), minlength=np.prod(shape))
        self._shared = self._shared.reshape(shape)
        self._true_areas = self._shared.sum(1)
        self._areas = self._shared.sum(0)
        core = within(inside, self._window)
        # As in `corrections.accept_box`: whose larger part lies in the box.
        self._here, self._pieces_here = (
            np.bincount(labels[core].ravel(), minlength=len(areas)) * 2 > areas
            for labels, areas in (
                (self._true, self._true_areas),
                (self._pieces, self._areas),
            )
        )
        self._here[0] = self._pieces_here[0] = False
        nuclei = self._shared.copy()
        nuclei[0] = nuclei[:, 0] = 0
        self._holds = nuclei * 2 > self._true_areas[:, None]
        self._lies_in = nuclei * 2 > self._areas

    def merged(self, tried: Collection[int]) -> Iterator[Action]:
        """Split what holds most of several nuclei, unless it is mostly nothing."""
        several = self._holds.sum(0) > 1
        several &= self._shared[1:].sum(0) * 2 > self._areas
        for piece in np.flatnonzero(several & self._pieces_here).tolist():
            nucleus, line = self._cut(piece, np.flatnonzero(self._holds[:, piece]))
            if self._names[nucleus] in tried:
                yield self._paint(nucleus)
            else:
                yield self._action("split", nucleus, line)

    def divided(self, tried: Collection[int]) -> Iterator[Action]:
        """Join what lies in one nucleus, where a line from one to the other does."""
        for nucleus in np.flatnonzero((self._lies_in.sum(1) > 1) & self._here).tolist():
            parts = np.flatnonzero(self._lies_in[nucleus])
            line = self._path(nucleus, parts)
            crossed = self._pieces[tuple(line_pixels(line, self._true.shape).T)]
            stray = np.setdiff1d(crossed, np.append(parts, 0))
            if stray.size or self._names[nucleus] in tried:
                yield self._repaint(nucleus, parts)
            else:
                yield self._action("join", nucleus, line)

    def unpaired(self) -> Iterator[Action]:
        """Delete, repaint and paint, by the one-to-one pairs with most IoU."""
        union = self._true_areas[:, None] + self._areas - self._shared
        iou = self._shared / np.maximum(union, 1)
        iou[iou < _RELATED] = 0
        iou[0] = iou[:, 0] = 0
        pairs = np.stack(linear_sum_assignment(iou, maximize=True), axis=1)
        pairs = pairs[iou[tuple(pairs.T)] > 0]
        for piece in np.setdiff1d(np.flatnonzero(self._pieces_here), pairs[:, 1]):
            yield self._action("delete", 0, _deepest(self._pieces == piece)[None])
        for nucleus, piece in pairs:
            if self._here[nucleus] and iou[nucleus, piece] < RIGHT:
                yield self._repaint(nucleus, np.array([piece]))
        for nucleus in np.setdiff1d(np.flatnonzero(self._here), pairs[:, 0]):
            yield self._paint(nucleus)

    def _paint(self, nucleus: int) -> Action:
        return self._action("paint", nucleus, np.argwhere(self._true == nucleus))

    def _repaint(self, nucleus: int, parts: NDArray[np.int64]) -> Action:
        largest = parts[self._areas[parts].argmax()]
        number = self._numbers[self._pieces == largest][0]
        inside = self._true == nucleus
        outside = np.isin(self._pieces, parts) & ~inside
        return self._action(
            "repaint", nucleus, np.argwhere(inside), int(number), np.argwhere(outside)
        )

    def _action(
        self,
        kind: str,
        nucleus: int,
        where: NDArray[np.int64],
        number: int = 0,
        erased: NDArray[np.int64] | None = None,
    ) -> Action:
        seconds = THINKING + SECONDS[kind]
        if kind in ("paint", "repaint"):
            outline = 2 * np.sqrt(np.pi * self._true_areas[nucleus])  # if it is round
            seconds += _OUTLINE * float(outline) / self._diameter
        gone = np.zeros((0, 2), int) if erased is None else erased
        name = int(self._names[nucleus])
        corner = self._corner
        return Action(kind, name, where + corner, seconds, number, gone + corner)

    def _cut(
        self, piece: int, nuclei: NDArray[np.int64]
    ) -> tuple[int, NDArray[np.int64]]:
        """Of the nuclei in a piece, find which is cut off most easily, and where."""
        mask = self._pieces == piece
        window = bounds(mask)
        mask = mask[window]
        kept = np.where(mask, self._true[window], 0)
        kept[~np.isin(kept, nuclei)] = 0
        nearest = ndimage.distance_transform_edt(
            kept == 0, return_distances=False, return_indices=True
        )
        owner = np.where(mask, kept[tuple(nearest)], 0)
        borders = {}
        for nucleus in nuclei:
            own = owner == nucleus
            border = own & ndimage.binary_dilation(mask & ~own, SQUARE)
            if border.any():
                borders[int(nucleus)] = np.argwhere(border)
        chosen = min(borders, key=lambda nucleus: len(borders[nucleus]))
        line = _round_about(borders[chosen], np.argwhere(owner == chosen).mean(0))
        return chosen, line + _corner(window)

    def _path(self, nucleus: int, parts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Lead from one part of a nucleus to the next, along its long side."""
        inside = self._true == nucleus
        points = np.stack([_deepest(inside & (self._pieces == part)) for part in parts])
        away = points - points.mean(0)
        axis = np.linalg.svd(away, full_matrices=False)[2][0]
        return points[np.argsort(away @ axis, kind="stable")]


def _round_about(
    pixels: NDArray[np.int64], centre: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Order the pixels of a border as one sees them from a point beside it."""
    angles = np.arctan2(*(pixels - centre).T)
    order = np.argsort(angles, kind="stable")
    gaps = np.diff(angles[order], append=angles[order[0]] + 2 * np.pi)
    ordered = pixels[np.roll(order, -1 - int(gaps.argmax()))]
    return np.concatenate([ordered[:-1:_POINTS_APART], ordered[-1:]])


def _deepest(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the pixel that lies farthest from the edge."""
    window = bounds(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask[window], 1))[1:-1, 1:-1]
    deepest = np.unravel_index(int(depth.argmax()), depth.shape)
    return np.array(deepest) + _corner(window)


def _corner(window: Window) -> NDArray[np.int64]:
    return np.array([side.start for side in window])
