"""The main job from the command line, and what bad input gets."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from filelock import FileLock

from unetloop.catalog import (
    ARCHITECTURES,
    CLASS_LOSSES,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
)
from unetloop.checkpoint import open_model
from unetloop.cli import main
from unetloop.events import TrainingDone
from unetloop.masks import read_labels, write_labels

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learned for an epoch."""
    folder = tmp_path_factory.mktemp("models") / "m"
    train = samples / "train"
    words = ["--images", train / "images", "--masks", train / "masks", "--epochs", "1"]
    words += ["--start", "scratch", "--out", folder]
    words += ["--patch-size", "64"]
    assert main(["train", *map(str, words)]) == 0
    return folder


def _error(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert "Traceback" not in "".join(lines)
    return lines[-1]


def test_predict_and_evaluate(
    samples: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, masks = samples / "test/images", samples / "test/masks"
    words = ["predict", str(images), "--model", str(model), "--out", str(tmp_path)]
    assert main(words) == 0
    written = sorted((tmp_path / "labels").iterdir())
    assert [path.name for path in written] == sorted(p.name for p in images.iterdir())
    labels = read_labels(written[0])
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    before = written[0].stat().st_mtime_ns
    assert main(words) == 0  # what is there is left alone
    assert written[0].stat().st_mtime_ns == before
    capsys.readouterr()
    words = ["evaluate", "--pred", str(tmp_path / "labels"), "--truth", str(masks)]
    assert main([*words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures["images"]) == {path.stem for path in images.iterdir()}
    assert figures["by_image"]["dice"] > 0.5
    assert main(words) == 0
    assert "panoptic_quality" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "a.tif", "--out", ""],
        ["train", "--images", "", "--masks", "m", "--out", "o"],
        ["train", "--images", "i", "--masks", "m", "--out", " "],
        ["evaluate", "--pred", "p", "--truth", ""],
        # Of a shell's variable that was not set: it would run here after all.
        ["predict", "a.tif", "--out", "o", "--scheduler", ""],
        ["predict", "a.tif", "--out", "o", "--channel", ""],
        ["train", "--images", "i", "--masks", "m", "--out", "o", "--classes", ""],
    ],
)
def test_an_empty_word_is_neither_a_folder_nor_left_out(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_empty_word_is_no_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is empty" in _error(capsys, "predict", "", "--out", tmp_path / "out")


def test_stacks_keep_their_planes_and_pixel_size(
    samples: Path, model: Path, tmp_path: Path
) -> None:
    plane = tifffile.imread(next(iter(sorted((samples / "test/images").iterdir()))))
    tifffile.imwrite(
        tmp_path / "stack.tif",
        np.stack([plane, plane[::-1], plane[:, ::-1]])[:, None],
        imagej=True,
        resolution=(4.0, 4.0),
        metadata={"axes": "ZCYX", "unit": "um"},
    )
    out = tmp_path / "out"
    words = ["predict", tmp_path / "stack.tif", "--model", model, "--out", out]
    options = ["--diameter", "38", "--threshold", "0.7", "--min-size", "0.3"]
    options += ["--pixel-size", "3"]
    assert main([*map(str, words), *options, "--min-certainty", "0"]) == 0
    run = json.loads((out / "run.json").read_text("utf-8"))
    chosen = {"threshold": 0.7, "min_size": 0.3, "min_certainty": 0.0}
    assert chosen.items() <= run["settings"]["instances"].items()
    assert run["settings"]["pixel_size"] == 3.0  # for others: this states its own
    with tifffile.TiffFile(out / "labels/stack.tif") as tiff:
        assert tiff.series[0].shape == (3, 256, 256)
        assert tiff.series[0].axes == "ZYX"
        assert tiff.imagej_metadata["unit"] == "um"  # type: ignore[index]
        assert tiff.pages[0].tags["XResolution"].value == (4, 1)  # type: ignore[union-attr]


def test_a_bad_image_does_not_stop_the_others(
    samples: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    shutil.copytree(samples / "test/images", folder)
    (folder / "a.tif").write_text("this is no image")
    tifffile.imwrite(folder / "dot.tif", np.zeros((1, 1), np.uint8))
    tifffile.imwrite(folder / "nan.tif", np.full((40, 50), np.nan, np.float32))
    tifffile.imwrite(folder / "rgb.tif", np.zeros((40, 50, 3), np.uint8))
    words = ["predict", folder, "--model", model, "--out", tmp_path / "out"]
    assert main([str(word) for word in words]) == 1
    err = capsys.readouterr().err
    assert "a.tif: failed. The image can't be read" in err
    assert "1 failed" in err
    done = {path.stem for path in (tmp_path / "out/labels").iterdir()}
    assert done == {path.stem for path in folder.iterdir()} - {"a"}


def test_images_of_one_name_get_masks_of_their_own(
    samples: Path, model: Path, tmp_path: Path
) -> None:
    image = next(iter((samples / "test/images").iterdir()))
    (tmp_path / "in").mkdir()
    for name in ("x.tif", "x.tiff"):
        shutil.copy(image, tmp_path / "in" / name)
    out = tmp_path / "out"
    words = ["predict", tmp_path / "in", "--model", model, "--out", out]
    assert main([str(word) for word in words]) == 0
    assert len(list((out / "labels").iterdir())) == 2


@pytest.mark.parametrize(
    ("task", "figure"), [("nuclei", "dice"), ("classes", "mean_iou")]
)
def test_masks_of_a_stack_are_compared_plane_by_plane(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, figure: str
) -> None:
    """What ``predict`` writes of a stack must not be a dead end."""
    truth = np.zeros((5, 20, 20), np.int32)
    truth[:, 5:9, 5:9], truth[:, 12:18, 12:18] = 1, 2
    predicted = truth.copy()
    predicted[4, 5:9, 5:9] = 2
    predicted[4, 12:18, 12:18] = 0 if task == "nuclei" else 2
    words = ["evaluate", "--task", task, "--json"]
    for option, values in (("--pred", predicted), ("--truth", truth)):
        write_labels(tmp_path / option[2:] / "a.tif", values, axes="ZYX")
        words += [option, str(tmp_path / option[2:])]
    assert main(words) == 0
    figures = json.loads(capsys.readouterr().out)["images"]
    assert set(figures) == {"a"}
    assert 0.8 < figures["a"][figure] < 1
    write_labels(tmp_path / "pred/a.tif", predicted[:4], axes="ZYX")
    assert "same planes" in _error(capsys, *words)
    write_labels(tmp_path / "pred/a.tif", np.zeros_like(truth), axes="ZYX")
    if task == "classes":
        assert "holds 0" in _error(capsys, *words)


@pytest.mark.parametrize("task", ["nuclei", "classes"])
def test_evaluation_keeps_folders_apart_and_names_what_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str
) -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[5:9, 5:9] = 1
    for name in ("pred/a/x.tif", "pred/b/x.tif", "truth/a/x.tif", "truth/b/x.tif"):
        (tmp_path / name).parent.mkdir(parents=True)
        tifffile.imwrite(tmp_path / name, truth)
    words = ["evaluate", "--pred", tmp_path / "pred", "--truth", tmp_path / "truth"]
    words += ["--task", task]
    assert main([*map(str, words), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures["images"]) == {"a/x", "b/x"}
    tifffile.imwrite(tmp_path / "pred/b/x.tif", truth[:10])
    error = _error(capsys, *words)
    assert "same planes, rows and columns" in error
    assert str(tmp_path / "pred/b/x.tif") in error


def test_two_files_are_compared_whatever_they_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[5:9, 5:9] = 1
    for name in ("a.tif", "a_mask.tif"):
        tifffile.imwrite(tmp_path / name, truth)
    words = ["evaluate", "--pred", tmp_path / "a.tif", "--truth"]
    assert main([*map(str, words), str(tmp_path / "a_mask.tif"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"]["a"]["dice"] == 1


def test_a_stack_with_a_mask_of_one_plane_is_not_learned_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its first plane would be taken, which may not be the one that was annotated."""
    for name, values in (
        ("images/a.tif", np.zeros((5, 20, 20), np.uint8)),
        ("masks/a.tif", np.ones((20, 20), np.uint8)),
    ):
        (tmp_path / name).parent.mkdir()
        tifffile.imwrite(tmp_path / name, values, photometric="minisblack")
    words = ["train", "--images", tmp_path / "images", "--masks", tmp_path / "masks"]
    error = _error(capsys, *words, "--out", tmp_path / "m")
    assert "one plane" in error
    assert "file of its own" in error


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--images x --recipe dsb2018", "Give --images and --masks, or --project."),
        ("--images x --task classes --classes a,b", "Give --images and --masks, or"),
        ("--project x --review y", "Give either --project or --images"),
        ("--images x --masks y --val-masks z", "--val-masks go together"),
    ],
)
def test_what_training_lacks_is_said_before_anything_is_read(
    words: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in _error(capsys, "train", *words.split(), "--out", tmp_path / "m")


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"score": 0.81, "fit": 0.9}, "mean AP 0.810 on held-out images"),
        ({"fit": 0.9}, "mean AP 0.900 on what was learned from"),
        ({"fit": 0.0}, "It finds next to nothing there. Look whether masks"),
    ],
)
def test_training_says_at_its_end_how_good_the_model_is(
    samples: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    scores: dict[str, float],
    said: str,
) -> None:
    ended = {"path": tmp_path, "epochs": 1, "steps": 100, "seconds": 60.0}
    done = TrainingDone(**ended, stopped="finished", **scores)  # type: ignore[arg-type]
    monkeypatch.setattr("unetloop.training.train", lambda *_, **__: iter([done]))
    words = ["train", "--images", samples / "train/images", "--out", tmp_path / "m"]
    assert main([*map(str, words), "--masks", str(samples / "train/masks")]) == 0
    text = capsys.readouterr().err
    assert said in text
    assert ("next to nothing" in text) == (0.0 in scores.values())


@pytest.mark.usefixtures("hasty_end", "short_epochs")
def test_only_one_training_writes_into_a_folder(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = samples / "train"
    words = ["train", "--images", train / "images", "--masks", train / "masks"]
    words += ["--out", tmp_path / "m", "--epochs", 1]
    words += ["--batch-size", 1, "--patch-size", 32]
    with FileLock(tmp_path / ".m.lock"):
        assert "Another training" in _error(capsys, *words)
    assert not (tmp_path / "m").exists()
    assert main(list(map(str, words))) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_minutes_that_are_over_before_the_first_step_are_an_error(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = samples / "train"
    words = ["train", "--images", train / "images", "--masks", train / "masks"]
    words += ["--out", tmp_path / "m", "--minutes", "0.0001"]
    assert "Give it more minutes" in _error(capsys, *words)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("diameter", ["0", "-1", "nan", "inf", "wide"])
def test_a_diameter_is_a_number_above_0(
    diameter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "images", "--out", "out", f"--diameter={diameter}"])
    assert "must be a number above 0, or auto" in capsys.readouterr().err


def test_unpaired_files_are_listed(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = tmp_path / "masks"
    shutil.copytree(samples / "train/masks", masks)
    (masks / "small_00.tif").unlink()
    (masks / "large_01.tif").rename(masks / "other.tif")
    error = _error(
        capsys,
        *("train", "--images", samples / "train/images", "--masks", masks),
        *("--out", tmp_path / "m"),
    )
    for name in ("small_00", "large_01", "other"):
        assert name in error


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: (path / "model.json").write_text("{"), "no model folder"),
        (lambda path: (path / "model.keras").write_bytes(b"x"), "damaged"),
        (lambda path: (path / "model.keras").unlink(), "missing"),
        (lambda path: _edit(path, version=99), "newer version"),
        (lambda path: _edit(path, format="other"), "not written by unetloop"),
        (lambda path: _edit(path, diameter="large"), "damaged"),
        (shutil.rmtree, "no model of this name"),
    ],
)
def test_a_bad_model_is_one_sentence(
    model: Path,
    samples: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: object,
    sentence: str,
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    damage(copy)  # type: ignore[operator]
    images = samples / "test/images"
    error = _error(
        capsys, "predict", images, "--model", copy, "--out", tmp_path / "out"
    )
    assert sentence in error


def _edit(path: Path, **changes: object) -> None:
    card = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps({**card, **changes}))


def test_a_model_is_found_in_the_middle_of_a_swap(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / ".copy.old")
    assert open_model(tmp_path / "copy").weights_hash == open_model(model).weights_hash


def test_what_is_not_a_model_is_not_replaced(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    error = _error(
        capsys,
        *("train", "--images", samples / "train/images", "--epochs", 1),
        *("--masks", samples / "train/masks", "--out", tmp_path),
    )
    assert "something else than a model" in error
    assert (tmp_path / "thesis.txt").read_text() == "important"


def test_models_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert "31,030,658" in text
    # Seen in grey and through each of their colours, 46 of these count once.
    assert "learned from 463 images" in text
    assert main(["models", "--json"]) == 0
    names = json.loads(capsys.readouterr().out)
    assert list(names["architectures"]) == list(ARCHITECTURES)
    xception = names["architectures"]["unet_xception"]
    assert xception["parameters"] == 2_058_979
    assert xception["input"] == [160, 160, 3]
    assert "keras.io" in xception["source"]
    assert xception["title"]
    # Whatever `unetloop train` takes by its name is listed, with a line of help.
    for listed, entries in (
        ("losses", LOSSES),
        ("class_losses", CLASS_LOSSES),
        ("optimizers", OPTIMIZERS),
        ("schedules", SCHEDULES),
    ):
        assert names[listed] == {name: entry.help for name, entry in entries.items()}
        for name, what in names[listed].items():
            assert f"  {name:24} {what}\n" in text
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["seconds_per_512_field"] > 0
    assert facts["device"]


@pytest.mark.parametrize("backend", ["nonsense", "openvino"])
def test_a_backend_that_is_not_there_is_named(backend: str) -> None:
    if find_spec(backend) is not None:
        pytest.skip(f"{backend} is installed")
    done = subprocess.run(
        [sys.executable, "-m", "unetloop", "info"],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: Keras can't start (")
    assert f"KERAS_BACKEND={backend}. Install" in line


def test_what_a_console_has_no_letters_for_is_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on Windows in Japanese, whose code page lacks the é of Jégou."""
    console = io.TextIOWrapper(io.BytesIO(), "shift_jis")
    monkeypatch.setattr("sys.stdout", console)
    assert main(["models"]) == 0
    console.seek(0)
    assert "J\\xe9gou" in console.read()


@pytest.mark.parametrize(
    "words", [["predict"], ["train", "--minutes", "x"], ["nonesuch"]]
)
def test_wrong_words_point_to_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "--help" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["predict", "train", "evaluate", "models", "info", "serve"]
)
def test_every_option_is_explained_and_the_example_can_be_copied(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    *lines, example = capsys.readouterr().out.strip().splitlines()
    assert example.startswith(f"example: unetloop {command}")
    starts = [at for at, line in enumerate(lines) if line.startswith("  -")]
    for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        option, *more = (part for part in "\n".join(lines[at:end]).split("  ") if part)
        assert "".join(more).strip(), f"{option} has no help"
