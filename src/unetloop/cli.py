"""The command line ``unetloop``: thin, one function a command."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from unetloop import __version__, cli_values
from unetloop.cli_classes import add_class_options, evaluate_classes, wants_classes
from unetloop.cli_models import list_models
from unetloop.cli_predict import add_options
from unetloop.cli_predict import predict as predict_command
from unetloop.cli_train import add_options as add_training_options
from unetloop.cli_train import train as train_command
from unetloop.counts import counted
from unetloop.errors import EngineError, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words behind ``unetloop``; those of this process if left out.

    Returns
    -------
    int
        Exit code: 0 only if all went well.
    """
    # TensorFlow's notes about missing GPUs would fall between our own lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # What a console or file can't hold, as a name in other letters, is escaped.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except EngineError as error:
        if options.debug:
            traceback.print_exc()
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - users get a line, not a traceback
        if options.debug:
            traceback.print_exc()
        _say(
            f"error: {known}"
            if (known := explain(error))
            else f"error: something unforeseen happened ({type(error).__name__}: "
            f"{error}). Run again with --debug and send us what it prints."
        )
        return 1
    return code


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _evaluate(options: argparse.Namespace) -> int:
    if wants_classes(options):
        return evaluate_classes(options)
    from unetloop.masks import number_areas, read_both
    from unetloop.metrics import average, evaluate_pair, pool, to_table
    from unetloop.pairing import pair_by_stem

    pairs = pair_by_stem(
        options.pred, options.truth, called=("prediction", "true mask")
    )
    scores = []
    for pair in pairs:
        planes = []
        for predicted, truth in read_both(pair.image, pair.mask):
            (predicted, found), (truth, true) = map(number_areas, (predicted, truth))
            for path, areas in ((pair.mask, true), (pair.image, found)):
                if areas:
                    _say(
                        f"{path}: all nuclei have the same number; each of {areas} "
                        "connected areas is taken as one."
                    )
            planes.append(evaluate_pair(truth, predicted))
        scores.append(pool(planes))
    if options.json:
        content = {
            "images": {
                pair.stem: score.figures()
                for pair, score in zip(pairs, scores, strict=True)
            },
            "by_image": average(scores),
            "pooled": pool(scores).figures(),
        }
        _print(json.dumps(content, indent=2))
    else:
        _print(f"{counted(len(pairs), 'image')}\n{to_table(scores)}")
    return 0


def _info(options: argparse.Namespace) -> int:
    from unetloop.machine import describe_machine
    from unetloop.network import start_keras

    start_keras()
    facts = describe_machine()
    if options.json:
        _print(json.dumps(facts, indent=2))
    else:
        for name, value in facts.items():
            _print(f"{name.replace('_', ' '):22} {'none' if value is None else value}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from unetloop.serve import serve

    return serve()


class _Parser(argparse.ArgumentParser):
    """Errors of one line that say where help is."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="unetloop", description="Segment nuclei with a U-Net that learns from you."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = _command(
        commands,
        "predict",
        predict_command,
        "write masks, tables and a report of images",
        "unetloop predict images/ --out results",
    )
    add_options(predict)

    train = _command(
        commands,
        "train",
        train_command,
        "train a model on annotated images",
        "unetloop train --images images --masks masks --minutes 10 --out my-model",
    )
    add_training_options(train)

    evaluate = _command(
        commands,
        "evaluate",
        _evaluate,
        "compare masks with the truth",
        "unetloop evaluate --pred results/labels --truth masks",
    )
    evaluate.add_argument(
        "--pred", type=cli_values.path, required=True, help="predicted masks"
    )
    evaluate.add_argument(
        "--truth", type=cli_values.path, required=True, help="true masks"
    )
    add_class_options(evaluate)
    evaluate.add_argument("--json", action="store_true", help="every figure, as JSON")

    models = _command(
        commands,
        "models",
        list_models,
        "list what may be chosen: models, networks, recipes, losses, optimisers",
        "unetloop models",
    )
    models.add_argument("--json", action="store_true", help="the same, as JSON")
    info = _command(
        commands, "info", _info, "say what this machine does", "unetloop info --json"
    )
    info.add_argument("--json", action="store_true", help="the same, as JSON")
    _command(
        commands, "serve", _serve, "answer a viewer, JSON a line", "unetloop serve"
    )
    return parser


def _command(
    commands: Any, name: str, run: Any, text: str, example: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example: {example}",  # on one line, to be copied
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--debug", action="store_true", help="show tracebacks of errors"
    )
    command.set_defaults(run=run)
    return command
