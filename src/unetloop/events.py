"""What a running job says: frozen dataclasses, one JSON line each.

A job is a generator of events. The command line turns them into a progress
line, ``unetloop serve`` into JSON lines for the viewer, and tests into
assertions. The names and fields are public: docs/formats.md describes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.boxes import Box

__all__ = [
    "BatchHalved",
    "DeviceFound",
    "EpochDone",
    "Event",
    "Examined",
    "Failed",
    "FieldPredicted",
    "ImageExported",
    "ImageFailed",
    "ImagePredicted",
    "JobDone",
    "ModelSaved",
    "Notice",
    "PredictionDone",
    "Progress",
    "RolledBack",
    "StartScored",
    "TrainingDone",
]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Anything a job says.

    Parameters
    ----------
    job : str or None
        Identifier given by whoever asked for the job (``serve`` fills it in).
    """

    job: str | None = None


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """A plain sentence worth showing; ``level`` is ``"info"`` or ``"warning"``."""

    text: str
    level: str = "info"


@dataclass(frozen=True, kw_only=True)
class DeviceFound(Event):
    """What networks run on, and why it is no GPU (None: it is one)."""

    device: str
    why_no_gpu: str | None = None


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """How far a job is: ``done`` of ``total`` ``unit``, ``seconds_left`` to go.

    ``total`` and ``seconds_left`` are None while they cannot be known.
    """

    done: float
    total: float | None
    unit: str
    seconds_left: float | None = None
    what: str = ""


@dataclass(frozen=True, kw_only=True)
class EpochDone(Event):
    """An epoch of training ended.

    ``loss`` and ``val_loss`` are means over the epoch and over the validation
    images, ``score`` is the ``measure`` on the validation images (``mean_ap``,
    AP(0.5:0.95), of nuclei; ``mean_iou`` of classes); both are None where no image is
    held out. Then ``fit_loss`` and ``fit`` are the same on a part of what is learned
    from, which says how well it is learned, and not how good the model is elsewhere.
    ``best`` says whether this epoch's model is the best so far.
    """

    epoch: int
    step: int
    loss: float
    learning_rate: float
    seconds: float
    seconds_left: float | None
    val_loss: float | None = None
    score: float | None = None
    best: bool = False
    measure: str = "mean_ap"
    fit_loss: float | None = None
    fit: float | None = None


@dataclass(frozen=True, kw_only=True)
class StartScored(Event):
    """How good the model is that training starts from; fields as of `EpochDone`."""

    val_loss: float | None = None
    score: float | None = None
    measure: str = "mean_ap"
    fit_loss: float | None = None
    fit: float | None = None


@dataclass(frozen=True, kw_only=True)
class RolledBack(Event):
    """A step made the loss diverge: it was undone and the rate lowered."""

    step: int
    reason: str
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class BatchHalved(Event):
    """Memory ran out: training goes on with patches in smaller batches."""

    batch_size: int


@dataclass(frozen=True, kw_only=True)
class ModelSaved(Event):
    """A model folder was written and can be opened from now on."""

    path: Path
    step: int
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Examined(Event):
    """A model was compared with the first one on images that neither learned from.

    ``gain`` is the mean difference of AP(0.5:0.95) over the last ``images`` images;
    ``harm``: it is surely below zero, and the first one should predict.
    """

    model: str
    gain: float
    images: int
    harm: bool


@dataclass(frozen=True, kw_only=True)
class TrainingDone(Event):
    """Training ended; ``path`` holds the best model.

    ``stopped`` says why: ``"finished"``, ``"early"`` (no more progress),
    ``"minutes"`` (the time was up) or ``"cancelled"``. ``score`` is its ``measure``
    (see `EpochDone`) on the images held out, ``start_score`` that of the model that it
    started from on the same images; None where none is held out. Then ``fit`` and
    ``start_fit`` are those on a part of what was learned from. Either is measured on
    ``nuclei`` nuclei; None: on classes. ``anew``: it learned as fast as a new network,
    such images being new to the one that it started from.
    """

    path: Path
    epochs: int
    steps: int
    seconds: float
    stopped: str
    score: float | None = None
    start_score: float | None = None
    measure: str = "mean_ap"
    fit: float | None = None
    start_fit: float | None = None
    nuclei: int | None = None
    anew: bool = False


@dataclass(frozen=True, kw_only=True)
class ImagePredicted(Event):
    """The masks of one image were written to ``output``.

    ``certainty`` is the mean of its nuclei, ``unlikeness`` above 1 where it is
    unlike the images that the model learned from; None: not known. A model of
    classes finds no ``nuclei`` and no ``diameter`` (None); ``shares`` says how much
    of the image each class covers, 0 to 1, by name. ``channel`` is what it was seen
    by, empty where there is but one.
    """

    image: Path
    output: Path
    nuclei: int | None
    diameter: float | None
    seconds: float
    certainty: float | None = None
    unlikeness: float | None = None
    shares: dict[str, float] | None = None
    channel: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageExported(Event):
    """``exports`` of an image were written from its masks, without the network."""

    image: Path
    exports: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ImageFailed(Event):
    """One image could not be done, for ``reason``; the job goes on."""

    image: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class PredictionDone(Event):
    """All images were tried: ``predicted`` done, ``failed`` not, ``skipped`` there.

    Of ``exported`` ones, exports were written from masks that were there.
    ``stopped`` says why it ended: ``finished``, ``cancelled`` or ``disk full``.
    ``report`` is the page that sums it up. ``unlike`` of all images of the output
    folder are unlike those that the model learned from; ``worst`` lists them, the
    most unlike first, or where that is not known the most doubtful ones: each
    with ``image``, ``labels`` (paths), ``unlikeness`` (None: not known) and
    ``doubt``. ``unlike`` is None where the model does not know its images.
    """

    predicted: int
    failed: int
    skipped: int
    seconds: float
    exported: int = 0
    stopped: str = "finished"
    out: Path | None = None
    report: Path | None = None
    unlike: int | None = None
    worst: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class FieldPredicted(Event):
    """A rectangle of one plane was predicted for the viewer.

    ``labels`` is a ``.npy`` file of int32 (rows, columns), ``maps`` one of
    float16 (rows, columns, heads) for ``instances.label_nuclei``; both cover
    rows ``box[0]:box[2]`` and columns ``box[1]:box[3]`` of plane ``plane`` of
    the project's image ``image``. Of a model of classes, ``labels`` holds their
    numbers, ``maps`` the probability of each, and ``nuclei`` is None.
    """

    image: str
    plane: int
    box: Box
    labels: Path
    maps: Path
    nuclei: int | None
    diameter: float
    model_step: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class JobDone(Event):
    """A job of ``unetloop serve`` ended; ``result`` is what it found out."""

    result: dict[str, Any] = field(default_factory=dict)
    cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """A job or command could not be done.

    ``message`` is for the user, ``detail`` (a traceback) for a bug report.
    """

    message: str
    detail: str = ""
