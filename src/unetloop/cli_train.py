"""The command ``unetloop train``: annotated images in, a model folder out."""

from __future__ import annotations

import sys
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from unetloop import catalog, cli_values
from unetloop.catalog import ARCHITECTURES, CLASS_LOSSES, LOSSES, RECIPES, SHIPPED
from unetloop.cli_classes import (
    add_class_options,
    class_images,
    class_task,
)
from unetloop.cli_sources import (
    check_sources,
    common_channels,
    paired_images,
    training_images,
)
from unetloop.config import ModelConfig, TrainingConfig, from_dict
from unetloop.counts import counted
from unetloop.errors import EngineError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from unetloop.checkpoint import Model
    from unetloop.tasks import Task

__all__ = ["add_options", "train"]

# Options that are fields of TrainingConfig: where one is given, it beats a recipe.
_SETTINGS = (
    "minutes",
    "epochs",
    "loss",
    "optimizer",
    "schedule",
    "learning_rate",
    "batch_size",
    "patch_size",
    "patience",
    "precision",
    "trainable",
    "class_balance",
    "val_fraction",
    "seed",
)
_NEXT_TO_NOTHING = 0.05
_STOPPED = {
    "finished": "as many as asked for",
    "early": "no more progress",
    "minutes": "time is up",
    "cancelled": "stopped",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    add = parser.add_argument
    add("--images", type=cli_values.path, help="folder of images")
    add(
        "--masks",
        type=cli_values.path,
        help="folder of masks of the same names, or called NAME_mask, NAME_masks, "
        "NAME_label, NAME_labels, NAME_seg or NAME_cp_masks; these may lie beside "
        "the images",
    )
    add("--review", type=cli_values.path, help="folder of reviews: 1 right, 2 ignore")
    add("--project", type=cli_values.path, help="project folder instead")
    add_class_options(parser)
    add("--out", type=cli_values.path, required=True, help="model folder to write")
    add(
        "--channel",
        type=cli_values.word,
        help="name of the channel, or else its number from 0; several, with commas "
        "between them, for a network that sees as many",
    )
    add(
        "--start",
        type=cli_values.word,
        help=f"model to start from, or scratch (default: {SHIPPED}, or scratch with "
        "--architecture or --recipe)",
    )
    add(
        "--architecture",
        choices=list(ARCHITECTURES),
        help="network to train anew; with --start MODEL, from those of its layers "
        "that fit",
    )
    add(
        "--recipe",
        choices=list(RECIPES),
        help="network and settings as published; what else is given goes before",
    )
    add(
        "--loss",
        choices=[*LOSSES, *CLASS_LOSSES],
        help="what is made small; unetloop models says what each is (default: that of "
        "the task)",
    )
    add("--optimizer", choices=list(catalog.OPTIMIZERS), help=_help("optimizer"))
    add("--schedule", choices=list(catalog.SCHEDULES), help=_help("schedule"))
    add("--learning-rate", type=float, metavar="X", help=_help("learning_rate"))
    add("--batch-size", type=int, metavar="N", help=_help("batch_size"))
    add("--patch-size", type=int, metavar="PX", help=_help("patch_size"))
    add("--precision", choices=["float32", "mixed"], help=_help("precision"))
    add(
        "--trainable",
        choices=["auto", "all", "decoder", "biases", "anew"],
        help="weights that learn: all, all but those on the way down to the coarsest "
        "level (decoder), biases, or all as fast as in a new network (anew); default: "
        "biases if a trained model learns from few nuclei, anew if it knows nothing of "
        "such images, else all",
    )
    add("--class-balance", type=float, metavar="X", help=_help("class_balance"))
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, metavar="X", help="wall time (default: 10)"
    )
    length.add_argument(
        "--epochs", type=int, metavar="N", help="epochs (of 100 steps) instead"
    )
    add("--val-images", type=cli_values.path, help="images to score on")
    add("--val-masks", type=cli_values.path, help="their masks")
    add("--val-fraction", type=float, metavar="X", help=_help("val_fraction"))
    add("--patience", type=int, metavar="N", help=_help("patience"))
    add("--seed", type=int, metavar="N", help=_help("seed"))


def _help(name: str) -> str:
    """Say what a setting is, and what it is if it is not given."""
    (setting,) = (item for item in fields(TrainingConfig) if item.name == name)
    usual = "none" if setting.default is None else setting.default
    return f"{setting.metadata['help']} (default: {usual})"


def train(options: argparse.Namespace) -> int:
    """Run the command."""
    from unetloop.checkpoint import open_model
    from unetloop.console import MEASURES, run_job
    from unetloop.events import TrainingDone

    began = time.monotonic()
    check_sources(options)
    recipe = RECIPES[options.recipe] if options.recipe else None
    task = class_task(options)
    if recipe and recipe.classes and task is None:
        raise EngineError(
            "This recipe tells tissue classes apart, and the command trains nuclei.",
            todo="Choose another recipe, or give --task classes.",
            recipe=options.recipe,
        )
    config = _settings(options)
    # Random weights only where they are asked for, or another network is.
    anew = options.architecture or recipe
    chosen = options.start or ("scratch" if anew or task else SHIPPED)
    start = None if chosen == "scratch" else open_model(chosen)
    model = _network(options, start, task)
    channels = model.channels if model else start.channels if start else 1
    images = class_images(training_images(options, channels), options)
    validation = None
    if options.val_images:
        validation = paired_images(
            options.val_images, options.val_masks, None, options.channel, channels
        )
        validation = class_images(validation, options)

    def job(cancelled: Any) -> Iterator[Any]:
        from unetloop.network import start_keras

        start_keras()
        from unetloop.training import train

        return train(
            images,
            options.out,
            config,
            model=model,
            start=start,
            task=task,
            validation=validation,
            cancelled=cancelled,
            began=began,
        )

    done = run_job(job)
    if not isinstance(done, TrainingDone):
        sys.stderr.write("Stopped before anything was learned.\n")
        return 130
    measure = MEASURES.get(done.measure, done.measure)
    score, where = done.score, "held-out images"
    if score is None:
        score, where = done.fit, "what was learned from"
    scored = "" if score is None else f", {measure} {score:.3f} on {where}"
    sys.stderr.write(
        f"{counted(done.steps, 'step')} in {done.seconds / 60:.1f} min "
        f"({_STOPPED[done.stopped]}){scored}: {done.path}\n"
    )
    if score is not None and score < _NEXT_TO_NOTHING:
        sys.stderr.write(
            "It finds next to nothing there. Look whether masks and channel are right; "
            "else give it more time, or a lower --learning-rate.\n"
        )
    return 130 if done.stopped == "cancelled" else 0


def _settings(options: argparse.Namespace) -> TrainingConfig:
    """Put what was given over the recipe's settings."""
    given = {
        name: value
        for name in _SETTINGS
        if (value := getattr(options, name)) is not None
    }
    settings = dict(RECIPES[options.recipe].settings) if options.recipe else {}
    if "minutes" in given:
        settings.pop("epochs", None)
    return from_dict(TrainingConfig, {**settings, **given})


def _network(
    options: argparse.Namespace, start: Model | None, task: Task | None
) -> ModelConfig | None:
    """Say which network is made anew; None: that of the model to start from."""
    recipe = RECIPES[options.recipe] if options.recipe else None
    name = options.architecture or (recipe.architecture if recipe else None)
    wanted = len(options.channel.split(",")) if options.channel else None
    # Tissue is told apart by its colours, too.
    usual = common_channels(options, 3, lambda info: info.rgb) if task else 1
    own = start.card.model if start else None
    if start and own and task and len(start.card.classes) != len(task.maps):
        # What a model of something else learned is taken over as far as it fits.
        return ModelConfig(name, usual) if name else replace(own, channels=usual)
    if name is None:
        return ModelConfig(channels=wanted or usual) if start is None else None
    if own and own.architecture == name and wanted in (None, own.channels):
        # The same network, unless a recipe makes it learn other maps.
        return None if recipe is None else replace(own, channels=_published(options))
    return ModelConfig(name, _published(options) if recipe else wanted or usual)


def _published(options: argparse.Namespace) -> int:
    """Channels of a recipe's network: as published, where the images have as many."""
    number: int = ARCHITECTURES[RECIPES[options.recipe].architecture].input[2]
    return common_channels(options, number, lambda info: info.channels >= number)
