from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from unetloop.batch import BatchOptions, predict_images
from unetloop.checkpoint import Model, open_model
from unetloop.class_plane import balance_planes, make_class_plane
from unetloop.classes import (
    classes_from_json,
    classes_to_json,
    name_classes,
    number_classes,
)
from unetloop.cli import main
from unetloop.config import (
    AugmentationConfig,
    InstanceConfig,
    ModelConfig,
    NormalizationConfig,
    PredictionConfig,
    TrainingConfig,
)
from unetloop.errors import EngineError
from unetloop.events import (
    EpochDone,
    FieldPredicted,
    ImagePredicted,
    TrainingDone,
)
from unetloop.export.image import ExportedImage
from unetloop.export.overlay import write as write_overlay
from unetloop.field import predict_field
from unetloop.files import find_images
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.patches import sample_patches
from unetloop.plane_view import PlaneView
from unetloop.prediction import estimate_diameter, finish, predict_region
from unetloop.project import open_project
from unetloop.project_training import annotated_planes
from unetloop.scale import Scale
from unetloop.tasks import NUCLEI, Classes, class_zoom, label_classes, task_of
from unetloop.training import train
from unetloop.training_data import class_pixel_size, load_planes
from unetloop.training_image import TrainingImage, load_annotated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SMALL = ModelConfig(options={"filters": [8, 8, 16]})
THREE = Classes(name_classes(["dark", "grey", "bright"]))
PLAIN = AugmentationConfig(
    flip=False, rotate=False, scale=1.0, elastic=0, intensity=0, noise=0, blur=0
)


def _config(**changes: Any) -> TrainingConfig:
    values = {"epochs": 5, "steps_per_epoch": 20, "batch_size": 4, "patch_size": 32}
    # Brightness is all that tells these classes apart.
    usual = {"learning_rate": 6e-3, "augmentation": PLAIN}
    return TrainingConfig(**{**values, **usual, **changes})


def _levels(seed: int, size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """An image with areas of three levels, and their classes, 1 to 3."""
    rng = np.random.default_rng(seed)
    classes = np.kron(rng.integers(1, 4, (size // 24, size // 24)), np.ones((24, 24)))
    image = classes * 60 + rng.normal(0, 6, classes.shape)
    return np.clip(image, 0, 255).astype(np.uint8), classes.astype(np.uint8)


def _folder(path: Path, count: int, *, unlabelled: float = 0.0) -> list[TrainingImage]:
    result = []
    for seed in range(count):
        image, classes = _levels(seed)
        hidden = np.random.default_rng(seed + 50).random(classes.shape) < unlabelled
        classes[hidden] = 0
        for folder, array in (("images", image), ("masks", classes)):
            (path / folder).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path / folder / f"{seed}.tif", array)
        result.append(
            TrainingImage(
                path / "images" / f"{seed}.tif", path / "masks" / f"{seed}.tif"
            )
        )
    return result


def test_classes_of_one_name_or_alone_are_refused() -> None:
    with pytest.raises(EngineError, match="same name"):
        name_classes(["a", "b", "a"])
    with pytest.raises(EngineError, match="from 2"):
        name_classes(["a"])


def test_as_many_classes_as_nuclei_are_refused_before_they_are_made() -> None:
    """So many would take all memory, and their names a page."""
    with pytest.raises(EngineError, match=r"classes=2147483647\. Look whether"):
        number_classes(2**31 - 1)


def test_classes_are_the_same_after_json() -> None:
    assert classes_from_json(
        json.loads(json.dumps(classes_to_json(THREE.classes)))
    ) == (THREE.classes)
    with pytest.raises(EngineError, match="damaged"):
        classes_from_json([{"name": "a"}, {"title": "b"}])


def test_a_hundred_classes_have_names_and_colours() -> None:
    classes = name_classes(f"tissue {number}" for number in range(100))
    assert len(task_of(classes).maps) == 100


def test_without_classes_the_task_is_nuclei() -> None:
    assert task_of(()) is NUCLEI


def test_patches_hold_class_and_weight_only_where_it_is_known() -> None:
    classes = np.zeros((64, 64), np.int32)
    classes[:32], classes[32:, :32] = 300, 2
    review = np.ones((64, 64), np.uint8)
    review[:, :8] = 2
    plane = make_class_plane(np.zeros((64, 64, 1), np.float32), classes, 300, review)
    _, truth = sample_patches([plane], 8, 64, PLAIN, np.random.default_rng(0))
    known = truth[..., 1] > 0
    assert truth.shape == (8, 64, 64, 2)
    assert set(np.unique(truth[..., 0][known])) == {1, 299}
    assert plane.reviewed == 32 * 56 + 32 * 24
    assert not known.all()


def test_a_number_without_a_class_is_named() -> None:
    classes = np.full((8, 8), 4)
    with pytest.raises(EngineError, match="no class"):
        make_class_plane(np.zeros((8, 8, 1), np.float32), classes, 3)


def test_balance_makes_rare_classes_count_more_and_keeps_the_mean() -> None:
    classes = np.ones((10, 10), np.int32)
    classes[0] = 2
    plane = make_class_plane(np.zeros((10, 10, 1), np.float32), classes, 3)
    for share, ratio in ((0.0, 1.0), (0.5, 3.0), (1.0, 9.0)):
        weights = balance_planes([plane], share)[0].class_weights
        assert weights is not None
        assert weights[1] / weights[0] == pytest.approx(ratio)
        assert weights[0] * 0.9 + weights[1] * 0.1 == pytest.approx(1)
        assert weights[2] == 0


def test_patches_lie_around_rare_classes_as_often_as_around_others() -> None:
    classes = np.ones((256, 256), np.int32)
    classes[100:104, 100:104] = 2
    plane = make_class_plane(np.zeros((256, 256, 1), np.float32), classes, 2)
    _, truth = sample_patches([plane], 40, 32, PLAIN, np.random.default_rng(0))
    with_rare = (truth[..., 0] == 1).any(axis=(1, 2)).mean()
    assert 0.3 < with_rare < 0.8


def test_the_class_map_is_the_most_probable_class_from_1() -> None:
    maps = np.zeros((2, 2, 3), np.float32)
    maps[0, 0, 2] = maps[1, 1, 1] = 1
    assert label_classes(maps).tolist() == [[3, 1], [1, 2]]


def test_images_are_resized_only_by_known_and_different_pixel_sizes() -> None:
    assert class_zoom(None, 0.5) == class_zoom(0.5, None) == 1
    assert class_zoom(0.51, 0.5) == 1
    assert class_zoom(1.0, 0.5) == 2


def test_masks_may_begin_with_0(tmp_path: Path) -> None:
    item = _folder(tmp_path, 1)[0]
    mask = tifffile.imread(item.mask)
    tifffile.imwrite(item.mask, mask - 1)
    shifted = TrainingImage(item.image, item.mask, first_class=0)
    assert (load_annotated(shifted).labels == mask).all()


@pytest.mark.usefixtures("hasty_end")
@pytest.mark.parametrize("loss", ["default", "weighted_crossentropy"])
def test_it_learns_classes_from_a_few_pixels_and_leaves_a_model(
    tmp_path: Path, loss: str
) -> None:
    images = _folder(tmp_path, 3, unlabelled=0.9)
    held_out = _folder(tmp_path / "other", 5)[3:]
    config = _config(loss=loss)
    events = list(
        train(
            images, tmp_path / "m", config, model=SMALL, task=THREE, validation=held_out
        )
    )
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert epochs[-1].loss < epochs[0].loss
    done = events[-1]
    assert isinstance(done, TrainingDone)
    assert done.score is not None
    assert done.score > 0.6
    card = json.loads((tmp_path / "m/model.json").read_text())
    assert card["version"] == 2
    assert card["task"] == "classes"
    assert [tissue["name"] for tissue in card["classes"]] == ["dark", "grey", "bright"]
    assert card["scores"] == {"mean_iou": pytest.approx(done.score)}
    model = open_model(tmp_path / "m")
    assert model.task == THREE
    image = np.zeros((1, 32, 32, 1), np.float32)
    maps = model.network()(image)
    assert maps.sum(-1) == pytest.approx(1, abs=1e-5)


def test_a_model_of_nuclei_is_no_start_for_classes(tmp_path: Path) -> None:
    images = _folder(tmp_path, 1)
    with pytest.raises(EngineError, match="something else"):
        train(images, tmp_path / "m", _config(), start=open_model("nuclei"), task=THREE)


def test_nothing_labelled_is_said_before_training(tmp_path: Path) -> None:
    images = _folder(tmp_path, 2, unlabelled=1.1)
    with pytest.raises(EngineError, match="Nothing is reviewed"):
        list(train(images, tmp_path / "m", _config(), model=SMALL, task=THREE))


def test_a_card_without_task_is_of_nuclei() -> None:
    assert open_model("nuclei").task is NUCLEI


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model of three classes by their brightness."""
    folder = tmp_path_factory.mktemp("classes")
    images = _folder(folder, 3)
    for _ in train(images, folder / "m", _config(), model=SMALL, task=THREE):
        pass
    return open_model(folder / "m")


def _predict(
    model: Model, folder: Path, out: Path, *exports: str, **config: Any
) -> list[Any]:
    options = BatchOptions(exports=exports)
    return list(
        predict_images(
            find_images([str(folder)]), out, model, PredictionConfig(**config), options
        )
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_model_of_classes_has_no_settings_of_nuclei(
    model: Model, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _levels(9)[0])
    options = BatchOptions(instances={"threshold": 0.6})
    found, out = find_images([str(tmp_path / "a.tif")]), tmp_path / "out"
    with pytest.raises(EngineError, match="finds no nuclei"):
        list(predict_images(found, out, model, PredictionConfig(), options))


def test_a_batch_gives_class_maps_probabilities_and_areas(
    model: Model, tmp_path: Path
) -> None:
    image, truth = _levels(9)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(
        tmp_path / "in/a.tif",
        image,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"unit": "um", "axes": "YX"},
    )
    events = _predict(model, tmp_path / "in", tmp_path / "out", "probabilities")
    labels = read_labels(tmp_path / "out/labels/a.tif")
    assert (labels == truth).mean() > 0.8
    with open_image(tmp_path / "out/probabilities/a.ome.tif") as maps:
        assert maps.info.channel_names == ("dark", "grey", "bright")
        assert maps.info.pixel_size == pytest.approx((0.5, 0.5))
        probabilities = maps.read_plane(0, range(3))
    assert (probabilities.argmax(-1) + 1 == labels).all()
    rows = _rows(tmp_path / "out/measurements.csv")
    assert [row["class"] for row in rows] == ["dark", "grey", "bright"]
    areas = [int(row["area_px"]) for row in rows]
    assert areas == np.bincount(labels.ravel(), minlength=4)[1:].tolist()
    assert float(rows[0]["area_um2"]) == pytest.approx(areas[0] / 4)
    summary = _rows(tmp_path / "out/summary.csv")[0]
    assert int(summary["area_px@bright"]) == areas[2]
    assert float(summary["area_um2@bright"]) == pytest.approx(areas[2] / 4, rel=1e-5)
    assert summary["nuclei"] == ""
    predicted = next(event for event in events if isinstance(event, ImagePredicted))
    assert predicted.shares is not None
    assert predicted.shares["dark"] == pytest.approx(areas[0] / labels.size, rel=1e-4)
    report = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "Tissue classes of 1 image" in report
    share = 100 * predicted.shares["dark"]
    assert "dark %</th>" in report
    assert f'<td class="number">{share:.4g}</td>' in report
    assert "min_certainty" not in report
    assert "nuclei" not in report.split("Methods")[1].split("References")[0]


def test_painted_classes_are_in_the_map_and_ignored_pixels_in_no_class(
    model: Model, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in/a.tif", _levels(9)[0])
    _predict(model, tmp_path / "in", tmp_path / "plain")
    before = read_labels(tmp_path / "plain/labels/a.tif")
    painted, review = np.zeros(before.shape, np.int32), np.zeros(before.shape, np.uint8)
    painted[:8, :8], review[:8, :8], review[-8:, -8:] = 3, 1, 2
    with open_project(tmp_path / "in/unet-loop", create=True) as project:
        project.set_classes(THREE.classes)
        (entry,) = project.add_images([tmp_path / "in/a.tif"])
        project.write_segmentation(entry, 0, painted)
        project.write_review(entry, 0, review)
    options = BatchOptions(project=tmp_path / "in/unet-loop")
    found, out = find_images([str(tmp_path / "in")]), tmp_path / "out"
    list(predict_images(found, out, model, PredictionConfig(), options))
    labels = read_labels(out / "labels/a.tif")
    assert (labels[:8, :8] == 3).all()
    assert not labels[-8:, -8:].any()
    np.testing.assert_array_equal(labels[review == 0], before[review == 0])
    areas = [int(row["area_px"]) for row in _rows(out / "measurements.csv")]
    assert areas == np.bincount(labels.ravel(), minlength=4)[1:].tolist()


def test_planes_and_parts_of_large_ones_are_classified_alike(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unetloop import large

    image = np.stack([_levels(seed, 480)[0] for seed in (1, 2)])
    (tmp_path / "in").mkdir()
    tifffile.imwrite(
        tmp_path / "in/a.tif", image, imagej=True, metadata={"axes": "ZYX"}
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    _predict(model, tmp_path / "in", whole, "probabilities")
    monkeypatch.setattr(large, "_BLOCK_PIXELS", 200 * 200)
    monkeypatch.setattr(large, "_LARGE_PIXELS", 300 * 300)
    _predict(model, tmp_path / "in", parts, "probabilities")
    for name in ("labels/a.tif", "probabilities/a.ome.tif"):
        first, second = (tifffile.imread(out / name) for out in (whole, parts))
        assert first.shape == second.shape
        assert (np.abs(first - second.astype(float)) < 1e-3).mean() > 0.99
    assert len(_rows(parts / "measurements.csv")) == 6


def test_an_overlay_has_the_colours_of_the_classes(tmp_path: Path) -> None:
    planes = np.repeat([[[1, 1, 2, 2, 3, 3]]], 6, axis=1).astype(np.int32)
    about = ExportedImage("a", class_colors=("#ff0000", "#00ff00", "#0000ff"))
    write_overlay(tmp_path / "a.png", planes, about)
    with PillowImage.open(tmp_path / "a.png") as picture:
        drawn = {color for _, color in picture.getcolors() or ()}
    assert drawn >= {(255, 0, 0), (0, 255, 0), (0, 0, 255)}


def test_nuclei_formats_and_a_diameter_are_refused(
    model: Model, tmp_path: Path
) -> None:
    _folder(tmp_path, 1)
    with pytest.raises(EngineError, match="choose from overlay, ome_zarr, prob"):
        _predict(model, tmp_path / "images", tmp_path / "out", "rois")
    with pytest.raises(EngineError, match="no nucleus diameter"):
        _predict(model, tmp_path / "images", tmp_path / "out", diameter=20.0)
    assert not (tmp_path / "out").exists()


def _project(folder: Path, classes: bool = True) -> Any:
    """A project of one image with a few strokes of each class."""
    image, truth = _levels(3)
    tifffile.imwrite(folder / "a.tif", image)
    project = open_project(folder / "project", create=True)
    (added,) = project.add_images([folder / "a.tif"])
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[10::24] = strokes[:, 10::24] = 1
    project.write_segmentation(added, 0, truth.astype(np.int32))
    project.write_review(added, 0, strokes)
    if classes:
        project.set_classes(THREE.classes)
    return project


def test_a_project_keeps_its_classes_and_older_programs_refuse_it(
    tmp_path: Path,
) -> None:
    with _project(tmp_path, classes=False) as project:
        content = json.loads((project.folder / "project.json").read_text())
        assert content["version"] == 1
        assert "classes" not in content
        project.set_classes(THREE.classes)
        with pytest.raises(EngineError, match="same name"):
            project.set_classes(THREE.classes[:1] * 2)
        with open_project(project.folder, shared=True) as shared:
            assert shared.classes == THREE.classes
    content = json.loads((tmp_path / "project/project.json").read_text())
    assert (content["version"], content["task"]) == (2, "classes")
    with open_project(tmp_path / "project") as again:
        assert again.classes == THREE.classes
        again.set_classes(())
    content = json.loads((tmp_path / "project/project.json").read_text())
    assert content["version"] == 1


@pytest.mark.usefixtures("hasty_end")
def test_strokes_of_a_project_train_it_and_a_field_shows_classes(
    model: Model, tmp_path: Path
) -> None:
    with _project(tmp_path) as project:
        planes = annotated_planes(project, None, 1)
        task = Classes(project.classes)
        events = list(
            train(planes, tmp_path / "m", _config(epochs=1), model=SMALL, task=task)
        )
        assert isinstance(events[-1], TrainingDone)
        *_, field = predict_field(
            project,
            project.images[0].id,
            0,
            (0, 0, 48, 96),
            model.network(1e4),
            Scale.of(model),
            PredictionConfig(diameter=20.0),
            None,
            0,
        )
        assert isinstance(field, FieldPredicted)
        labels, maps = np.load(field.labels), np.load(field.maps)
        assert field.nuclei is None
        sized = replace(Scale.of(model), pixel_size=0.5)
        seen = [
            next(
                event.diameter
                for event in predict_field(
                    project,
                    project.images[0].id,
                    0,
                    None,
                    model.network(1e4),
                    sized,
                    PredictionConfig(),
                    None,
                    0,
                    pixel_size=side,
                )
                if isinstance(event, FieldPredicted)
            )
            for side in (None, 1.0, 0.5)
        ]
        assert seen == [sized.diameter, sized.diameter / 2, sized.diameter]
        assert maps.shape == (48, 96, 3)
        assert (labels == _levels(3)[1][:48]).mean() > 0.8
    assert open_model(tmp_path / "m").card.training["images"][0]["plane"] == 0


@pytest.mark.usefixtures("hasty_end", "short_epochs")
def test_the_command_line_trains_predicts_and_scores_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for item in _folder(tmp_path / "in", 2):
        tifffile.imwrite(item.mask, tifffile.imread(item.mask) - 1)
    monkeypatch.chdir(tmp_path)
    common = ["--task", "classes", "--first-class", "0"]
    code = main(
        [
            *("train", "--images", "in/images", "--masks", "in/masks", "--out", "m"),
            *("--epochs", "1", "--batch-size", "1", "--patch-size", "32", *common),
        ]
    )
    assert code == 0
    assert [tissue.name for tissue in open_model("m").card.classes][2] == "class 3"
    predict = ["predict", "in/images", "--model", "m", "--out", "out"]
    assert main([*predict, "--probabilities"]) == 0
    assert len(list((tmp_path / "out/probabilities").iterdir())) == 2
    capsys.readouterr()
    evaluate = ["evaluate", "--pred", "out/labels", "--truth", "in/masks", *common]
    assert main([*evaluate, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["pooled"]
    assert 0 < figures["mean_iou"] <= 1
    assert set(figures) >= {"pixel_accuracy", "iou@class 1", "dice@class 3"}
    assert main([*evaluate, "--classes", "x,y,z"]) == 0
    assert "pixel accuracy" in capsys.readouterr().out
    assert main(["predict", "in/images", "--out", "no", "--probabilities"]) == 1
    assert "models of classes" in capsys.readouterr().err
    assert main([*evaluate, "--classes", "x,y"]) == 1
    said = capsys.readouterr().err
    assert "no class" in said
    assert "number=3, classes=2" in said  # as it is in the file that is named
    assert main([*evaluate[:5], "--classes", "x,y"]) == 1
    assert "need --task classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("numbers", "first", "sentence"),
    [
        ((0, 255), 1, r"fewer than two .*numbers=255\. Add --first-class 0"),
        ((0, 255), 0, r"gaps.*numbers=0, 255\. Number"),
        ((0, 1), 1, "Add --first-class 0"),
        ((0, 0), 1, "numbers=none"),
        ((2, 30, 7), 1, r"numbers=2, 7, 30\."),
        (range(5, 17), 1, r"numbers=5, .*, 14, \.\.\."),
        (range(41), 1, r"as masks of nuclei do.*numbers=40\. Leave out --task"),
        (range(0, 82, 2), 1, "as masks of nuclei do"),
    ],
)
def test_masks_that_hold_no_classes_are_refused(
    numbers: Sequence[int],
    first: int,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of 0 and 255, 255 classes would have been learned; of nuclei, one for each."""
    for name in "ab":
        mask = np.resize(numbers, (8, 8)).astype(np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.tif", mask)
    command = ["train", "--images", tmp_path / "a.tif", "--masks", tmp_path / "b.tif"]
    command += ["--task", "classes", "--first-class", first, "--out", tmp_path / "m"]
    assert main([str(word) for word in command]) == 1
    assert re.search(sentence, capsys.readouterr().err)


def test_masks_of_nuclei_are_not_compared_as_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There was a line for each nucleus."""

    def said(*numbers: int) -> str:
        for name in ("pred.tif", "true.tif"):
            mask = np.resize(numbers, (8, 8)).astype(np.uint8)
            tifffile.imwrite(tmp_path / name, mask)
        words = ["evaluate", "--task", "classes", "--pred", str(tmp_path / "pred.tif")]
        code = main([*words, "--truth", str(tmp_path / "true.tif")])
        out, error = capsys.readouterr()
        assert bool(code) == bool(error)
        return error or out

    assert "as masks of nuclei do" in said(*range(1, 41))
    assert "have gaps" in said(1, 255)
    assert "class 3" in said(1, 3)  # the second one has no pixel here


class _Brightness:
    """A stand-in for a network of two classes: bright or not."""

    backend, channels, bytes_a_pixel = "a test", 1, 1000

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.shapes.append(batch.shape)
        return np.concatenate([1 - batch, batch], -1)


@pytest.mark.parametrize(("image_um", "side"), [(1.0, 128), (0.51, 64), (None, 64)])
def test_an_image_is_brought_to_the_pixel_size_of_the_model(
    tmp_path: Path, image_um: float | None, side: int
) -> None:
    size = {} if image_um is None else {"resolution": (1 / image_um, 1 / image_um)}
    pixels = np.zeros((64, 64), np.uint8)
    pixels[:, 32:] = 200
    about = {"axes": "YX"} if image_um is None else {"axes": "YX", "unit": "um"}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, imagej=True, metadata=about, **size)
    task = Classes(name_classes(["dark", "bright"]))
    bright = NormalizationConfig(nuclei="bright")
    scale = Scale(1.0, bright, InstanceConfig(), task, pixel_size=0.5)
    network, config = _Brightness(), PredictionConfig()
    with open_image(path) as image:
        view = PlaneView.of(image, 0, (0,), scale.normalization)
        diameter = estimate_diameter(network, view, scale, config)
        assert diameter is not None
        box = (0, 0, 64, 64)
        work = predict_region(network, view, box, diameter, scale, config)
        labels = finish(work).labels
    assert network.shapes == [(1, side, side, 1)]
    assert labels.shape == (64, 64)
    assert set(np.unique(labels[:, :28])) == {1}
    assert set(np.unique(labels[:, 36:])) == {2}


def test_images_of_other_pixel_sizes_are_resized_to_be_learned_from(
    tmp_path: Path,
) -> None:
    images = _folder(tmp_path, 3)
    for item, um in zip(images, (0.5, 0.5, 1.0), strict=True):
        about = {"unit": "um", "axes": "YX"}
        pixels = tifffile.imread(item.image)
        res = (1 / um, 1 / um)
        tifffile.imwrite(
            item.image, pixels, imagej=True, metadata=about, resolution=res
        )
    size = class_pixel_size(images)
    assert size == pytest.approx(0.5)
    planes: list[Any] = []
    for _ in load_planes(images, SMALL, 1.0, _config(), planes.append, THREE, size):
        pass
    assert [plane.image.shape for plane in planes] == [(1, 96, 96)] * 2 + [
        (1, 192, 192)
    ]
    tifffile.imwrite(images[0].image, tifffile.imread(images[0].image))
    assert class_pixel_size(images) is None
