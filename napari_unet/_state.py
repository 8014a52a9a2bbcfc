"""What the loop knows now: frozen dataclasses that panels show, without Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_unet._curve import Curve

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ClassRow",
    "Comparison",
    "ImageRow",
    "Learning",
    "LoopState",
    "Reading",
    "Shown",
]


@dataclass(frozen=True)
class ImageRow:
    """One line of the list of images.

    Parameters
    ----------
    id, name : str
        The project's identifier, and what people call the file.
    state : str
        ``"untouched"``, ``"proposed"`` (predicted, nobody looked), ``"in work"``
        (something is reviewed), ``"done"`` (all is), ``"locked"`` (for scoring
        only) or ``"missing"`` (the file is away).
    planes : int
        Planes of a stack or movie; 1 for a plain image.
    nuclei : int
        Nuclei on all planes; -1 while not known.
    reviewed : int
        How many of them are reviewed.
    thumbnail : array of uint8, optional
        (rows, columns), at most 64 × 64; with 3 colours behind, of RGB images.
    """

    id: str
    name: str
    state: str = "untouched"
    planes: int = 1
    nuclei: int = -1
    reviewed: int = 0
    thumbnail: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class ClassRow:
    """One line of the list of tissue classes.

    Parameters
    ----------
    name : str
        What people call it.
    color : str
        ``"#rrggbb"``.
    key : str
        What to press to paint it; empty: there is no letter left.
    """

    name: str
    color: str
    key: str = ""


@dataclass(frozen=True)
class Reading:
    """How the image on the screen is read; what was guessed can be changed.

    Parameters
    ----------
    axes : str
        As in the file, of ``TCZYXS``.
    dtype : str
        Of its pixels.
    channel_names : tuple of str
        Channels to choose from.
    channel : str
        Number or name of the one with the nuclei.
    pixel_size : float, optional
        In micrometres.
    diameter : float, optional
        Of a nucleus, in pixels; None: estimated at each prediction.
    diameter_found : float, optional
        What the last prediction estimated, in pixels.
    sized : bool
        Whether a diameter means anything: not where tissue classes are told apart.
    """

    axes: str
    dtype: str
    channel_names: tuple[str, ...]
    channel: str
    pixel_size: float | None = None
    diameter: float | None = None
    diameter_found: float | None = None
    sized: bool = True


@dataclass(frozen=True)
class Learning:
    """What training does.

    Parameters
    ----------
    phase : str
        ``"idle"``, ``"starting"``, ``"running"``, ``"paused"`` or ``"stopping"``.
    sentence : str
        What is happening, in plain words.
    fraction : float
        How much is done, 0..1.
    seconds_left : float, optional
        Time to go.
    curve : Curve
        Of the run that is under way, or the last one.
    automatic : bool
        Whether training starts by itself after enough corrections.
    can_start : str
        Empty if it can be started, else the sentence why not.
    """

    phase: str = "idle"
    sentence: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    curve: Curve = field(default_factory=Curve)
    automatic: bool = True
    can_start: str = ""


@dataclass(frozen=True)
class Comparison:
    """What another model makes of the field in view.

    Parameters
    ----------
    on : bool
        Whether it is shown.
    why_not : str
        Empty if there is something to compare with, else the sentence why not.
    before, now : str
        Names of the models, for people: of that which is drawn beside the nuclei, and
        of that which predicts.
    sized : bool
        Whether nuclei are told apart, not tissue classes.
    bright : bool
        Whether the image is, so that the lines over it are dark.
    sentence : str
        What is seen, in words and numbers.
    """

    on: bool = False
    why_not: str = "Open some images first."
    before: str = ""
    now: str = ""
    sized: bool = True
    bright: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class Shown:
    """How masks are shown and made from the maps.

    Parameters
    ----------
    outlines : bool
        Outlines instead of filled nuclei.
    threshold : float
        Probability above which a pixel is nucleus.
    min_size : float
        Smallest nucleus, as a share of a typical nucleus's area.
    probabilities : bool
        Whether there is a layer with the probability of each class.
    """

    outlines: bool = True
    threshold: float = 0.55
    min_size: float = 0.1
    probabilities: bool = False


@dataclass(frozen=True)
class LoopState:
    """All of it.

    Parameters
    ----------
    folder : Path, optional
        The project's; None while no images are open.
    task : str
        What is segmented: ``"nuclei"`` or ``"classes"``.
    classes : tuple of ClassRow
        The tissue classes, if these are.
    brush : int, optional
        Number of the class that the brush paints; 0: it erases; None: it rests.
    images : tuple of ImageRow
        The list.
    current : str
        Id of the image on the screen; empty: none.
    plane : int
        Its plane on the screen.
    reading : Reading, optional
        Of the image on the screen.
    learning : Learning
        What training does.
    comparison : Comparison
        Of the model with the one before.
    shown : Shown
        How masks are shown.
    model : str
        Name of the model that predicts; empty: there is none yet.
    models : tuple of str
        Names of all that can be chosen, the best first.
    device : str
        What the engine runs on; empty while it starts.
    field_seconds : float, optional
        What the last prediction of the field in view took, while the engine had nothing
        else to do.
    saved : str
        When the last correction was stored, in words; empty: nothing yet.
    busy : str
        What is being done right now for the field in view; empty: nothing.
    problem : str
        What is wrong and what to do; empty: nothing is.
    can_undo, can_redo : bool
        Whether there is something to.
    """

    folder: Path | None = None
    task: str = "nuclei"
    classes: tuple[ClassRow, ...] = ()
    brush: int | None = None
    images: tuple[ImageRow, ...] = ()
    current: str = ""
    plane: int = 0
    reading: Reading | None = None
    learning: Learning = field(default_factory=Learning)
    comparison: Comparison = field(default_factory=Comparison)
    shown: Shown = field(default_factory=Shown)
    model: str = "nuclei"
    models: tuple[str, ...] = ("nuclei",)
    device: str = ""
    field_seconds: float | None = None
    saved: str = ""
    busy: str = ""
    problem: str = ""
    can_undo: bool = False
    can_redo: bool = False
