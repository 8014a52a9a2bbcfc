"""The command ``unetloop predict``: a folder of images, and what is made of it."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from unetloop import cli_values
from unetloop.catalog import EXPORTERS, SHIPPED
from unetloop.config import InstanceConfig, PredictionConfig
from unetloop.counts import counted
from unetloop.errors import EngineError
from unetloop.event_json import to_json
from unetloop.events import PredictionDone

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from unetloop.events import Event

__all__ = ["add_options", "predict"]

_INSTANCES = {
    item.name: item.metadata["help"]
    for item in fields(InstanceConfig)
    if item.name in ("threshold", "min_size", "min_certainty")
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    parser.add_argument(
        "images",
        nargs="+",
        help="images, folders, or patterns such as 'day*/*.tif'; a stack in many files "
        "is written 'name_t{T}_z{Z}_c{C}.tif'",
    )
    parser.add_argument(
        "--out", type=cli_values.path, required=True, help="folder for results"
    )
    parser.add_argument(
        "--model",
        type=cli_values.word,
        default=SHIPPED,
        help=f"model folder, or name of one that ships (default: {SHIPPED})",
    )
    parser.add_argument(
        "--channel",
        type=cli_values.word,
        help="name of the channel, or else its number from 0",
    )
    parser.add_argument(
        "--diameter",
        type=cli_values.diameter,
        default=None,
        metavar="PX|auto",
        help="nucleus diameter in pixels (default: auto, estimated)",
    )
    parser.add_argument(
        "--pixel-size",
        type=cli_values.pixel_size,
        metavar="UM",
        help="side of a pixel in µm, in images that state none",
    )
    parser.add_argument(
        "--flips", action="store_true", help="average four mirror images (slower)"
    )
    for name, what in _INSTANCES.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=float,
            metavar="X",
            help=f"{what} (default: as the model says)",
        )
    parser.add_argument("--recursive", action="store_true", help="look into subfolders")
    parser.add_argument(
        "--export",
        action="append",
        default=[],
        choices=list(EXPORTERS),
        metavar="NAME",
        help="also write "
        + ", ".join(f"{name} ({entry.help})" for name, entry in EXPORTERS.items())
        + "; may be given several times",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="of a model of classes: also write the probability of each class",
    )
    parser.add_argument(
        "--project",
        type=cli_values.path,
        metavar="FOLDER",
        help="project whose corrections count: what is right there stays, and what is "
        "ignored is left out",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="predict everything again, and replace what is there",
    )
    parser.add_argument(
        "--retry-failed",
        action="store_true",
        help="predict only the images that failed before",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs",
        type=cli_values.count,
        default=0,
        metavar="N",
        help="processes on this machine (default: threads of this one)",
    )
    where.add_argument(
        "--scheduler",
        type=cli_values.word,
        metavar="ADDRESS",
        help="address of a Dask scheduler, as tcp://host:8786; see docs/cluster.md",
    )
    parser.add_argument(
        "--json", action="store_true", help="print events, one JSON object a line"
    )


def predict(options: argparse.Namespace) -> int:
    """Run the command; give its exit code."""
    from unetloop.batch import BatchOptions, predict_images
    from unetloop.checkpoint import open_model
    from unetloop.console import run_job
    from unetloop.files import find_images

    images = find_images(options.images, options.recursive)
    model = open_model(options.model)
    if options.probabilities and not model.task.classes:
        raise EngineError(
            "This model numbers nuclei; --probabilities is for models of classes.",
            model=options.model,
        )
    config = PredictionConfig(flips=options.flips, diameter=options.diameter)
    chosen = BatchOptions(
        channel=options.channel,
        pixel_size=options.pixel_size,
        exports=(*options.export, *["probabilities"] * options.probabilities),
        overwrite=options.overwrite,
        retry_failed=options.retry_failed,
        jobs=options.jobs,
        scheduler=options.scheduler,
        instances={
            name: getattr(options, name)
            for name in _INSTANCES
            if getattr(options, name) is not None
        },
        project=options.project,
    )

    def job(cancelled: Callable[[], bool]) -> Iterator[Event]:
        return predict_images(
            images, options.out, model, config, chosen, cancelled=cancelled
        )

    done = run_job(_printing(job) if options.json else job)
    if not isinstance(done, PredictionDone):
        return 1
    exported = f"{done.exported} exported, " if done.exported else ""
    text = (
        f"{done.predicted} predicted, {exported}{done.skipped} there already, "
        f"{done.failed} failed, in {done.seconds:.1f} s."
    )
    if done.report is not None:
        text += f" See {done.report}"
    if done.unlike:
        look = counted(done.unlike, "image looks", "images look")
        text += (
            f"\n{look} unlike what this model has seen; the worst: "
            f"{', '.join(Path(row['image']).name for row in done.worst[:3])}."
        )
    sys.stderr.write(f"{text}\n")
    if done.stopped == "cancelled":
        return 130
    return 0 if done.stopped == "finished" and not done.failed else 1


def _printing(
    job: Callable[[Callable[[], bool]], Iterator[Event]],
) -> Callable[[Callable[[], bool]], Iterator[Event]]:
    """Print each event of a job, too."""

    def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
        for event in job(cancelled):
            sys.stdout.write(to_json(event) + "\n")
            sys.stdout.flush()
            yield event

    return run
