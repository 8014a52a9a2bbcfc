from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from unetloop import epochs, final_choice, selection
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import Model, load_weights, open_model
from unetloop.config import ModelConfig, TrainingConfig, to_dict
from unetloop.errors import EngineError
from unetloop.events import (
    BatchHalved,
    EpochDone,
    ModelSaved,
    Notice,
    Progress,
    RolledBack,
    StartScored,
    TrainingDone,
)
from unetloop.keeping import Keeper
from unetloop.schedule import Schedule
from unetloop.training import Training, train
from unetloop.training_data import split_images
from unetloop.training_image import TrainingImage
from unetloop.training_step import Learner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.events import Event

pytestmark = pytest.mark.usefixtures("hasty_end")

SMALL = ModelConfig(options={"filters": [4, 8]})


def _config(**changes: object) -> TrainingConfig:
    values = {"epochs": 2, "steps_per_epoch": 3, "batch_size": 2, "patch_size": 64}
    return TrainingConfig(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def images(samples: Path) -> list[TrainingImage]:
    return [
        TrainingImage(path, samples / "train/masks" / path.name)
        for path in sorted((samples / "train/images").iterdir())
    ]


@pytest.fixture(scope="module")
def whole(
    images: list[TrainingImage], tmp_path_factory: pytest.TempPathFactory
) -> Model:
    """What a training of a few steps leaves, from its beginning to its end."""
    folder = tmp_path_factory.mktemp("whole") / "m"
    list(train(images, folder, _config(), model=SMALL))
    return open_model(folder)


def _weights(path: Path) -> list[np.ndarray]:
    return load_weights(open_model(path)).get_weights()  # type: ignore[no-any-return]


def _assert_same_weights(one: Path, other: Path) -> None:
    for first, second in zip(_weights(one), _weights(other), strict=True):
        np.testing.assert_array_equal(first, second)


def _kinds(events: Sequence[Event], kind: type) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def _ended(events: Sequence[Event]) -> list[EpochDone]:
    return [event for event in events if isinstance(event, EpochDone)]


@pytest.fixture(scope="module")
def learned(
    images: list[TrainingImage], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Event]]:
    """The model of a run that learned something, and what that said."""
    folder = tmp_path_factory.mktemp("learned")
    quick = {"learning_rate": 0.01, "val_fraction": 0.25}
    config = _config(epochs=6, steps_per_epoch=10, **quick)
    return folder, list(train(images, folder / "m", config, model=SMALL))


def test_it_learns_and_leaves_a_model(learned: tuple[Path, list[Event]]) -> None:
    folder, events = learned
    ended = _kinds(events, EpochDone)
    assert ended[-1].loss < ended[0].loss  # type: ignore[attr-defined]
    done = events[-1]
    assert isinstance(done, TrainingDone)
    assert (done.steps, done.epochs, done.stopped) == (60, 6, "finished")
    assert done.score is not None
    model = open_model(folder / "m")
    assert model.card.scores["mean_ap"] == pytest.approx(done.score)
    assert len(model.card.training["images"]) == 3
    assert (folder / "m" / "model.onnx").exists()
    assert [path.name for path in folder.iterdir()] == ["m"]
    last = _kinds(events, Progress)[-1]
    assert last.done == 100  # type: ignore[attr-defined]
    steps = [event for event in _kinds(events, Progress) if event.seconds_left == 0]  # type: ignore[attr-defined]
    behind = _kinds(events[events.index(steps[-1]) :], Notice)
    said = [notice.text for notice in behind]  # type: ignore[attr-defined]
    assert said == ["Scoring what was learned.", "Storing the model."]


def test_the_same_seed_gives_the_same_model(
    images: list[TrainingImage], whole: Model, tmp_path: Path
) -> None:
    seed = whole.card.training["settings"]["seed"]
    for name, changes in (("same", {"seed": seed}), ("other", {"seed": seed + 1})):
        list(train(images, tmp_path / name, _config(**changes), model=SMALL))
    _assert_same_weights(whole.path, tmp_path / "same")
    pairs = zip(_weights(whole.path), _weights(tmp_path / "other"), strict=True)
    assert not all(np.array_equal(*pair) for pair in pairs)


def test_partial_annotations_are_enough(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    review = np.zeros((256, 256), np.uint8)
    review[100:160, 100:160] = 1
    tifffile.imwrite(tmp_path / "review.tif", review)
    partial = [
        TrainingImage(image.image, image.mask, tmp_path / "review.tif")
        for image in images[:1]
    ]
    events = list(train(partial, tmp_path / "m", _config(), model=SMALL))
    assert isinstance(events[-1], TrainingDone)
    assert all(
        np.isfinite(event.loss)  # type: ignore[attr-defined]
        for event in _kinds(events, EpochDone)
    )


def test_nothing_reviewed_is_one_sentence(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "review.tif", np.zeros((256, 256), np.uint8))
    nobody = [TrainingImage(images[0].image, images[0].mask, tmp_path / "review.tif")]
    with pytest.raises(EngineError, match="no reviewed nucleus"):
        list(train(nobody, tmp_path / "m", _config()))
    assert not (tmp_path / "m").exists()


def test_cancelling_keeps_a_model_that_opens(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    steps = iter(range(100))
    events = list(
        train(
            images,
            tmp_path / "m",
            _config(epochs=50),
            model=SMALL,
            cancelled=lambda: next(steps) >= 5,
        )
    )
    done = events[-1]
    assert isinstance(done, TrainingDone)
    assert (done.stopped, done.steps) == ("cancelled", 5)
    open_model(tmp_path / "m").network()


def test_a_run_without_a_step_says_so_and_leaves_no_model(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    out, late = tmp_path / "m", time.monotonic() - 60
    hasty = {"epochs": None, "minutes": 0.5}
    with pytest.raises(EngineError, match="no time was left to learn"):
        list(train(images, out, _config(**hasty), model=SMALL, began=late))
    stopped = list(train(images, out, _config(), model=SMALL, cancelled=lambda: True))
    assert not _kinds(stopped, TrainingDone)
    assert not out.exists()


def test_a_run_that_made_its_steps_before_it_was_killed_has_learned(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    config = _config(epochs=None, minutes=10)
    killed = Training(images, tmp_path / "m", config, model=SMALL)
    events = iter(killed)
    while killed.step < 2:
        next(events)
    killed.keep()
    events.close()
    late = time.monotonic() - 1200
    done = list(train(images, tmp_path / "m", config, model=SMALL, began=late))[-1]
    assert isinstance(done, TrainingDone)
    assert (done.steps, done.stopped) == (2, "minutes")
    open_model(tmp_path / "m").network()


def test_warm_start_goes_on_from_the_weights(
    images: list[TrainingImage], whole: Model, tmp_path: Path
) -> None:
    slow = _config(epochs=1, steps_per_epoch=1, learning_rate=1e-9)
    list(train(images, tmp_path / "b", slow, start=whole))
    for before, after in zip(
        _weights(whole.path), _weights(tmp_path / "b"), strict=True
    ):
        np.testing.assert_allclose(before, after, atol=1e-6)
    assert open_model(tmp_path / "b").card.started_from == whole.weights_hash


def test_it_says_how_well_is_learned_what_it_learns_from(
    images: list[TrainingImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "_FIT_SHARE", np.inf)  # whatever time it takes
    config = _config(epochs=3, steps_per_epoch=20, learning_rate=0.01)
    first = list(train(images[:2], tmp_path / "a", config, model=SMALL))
    assert not _kinds(first, StartScored)
    fit, loss = zip(*[(e.fit, e.fit_loss) for e in _ended(first)], strict=True)
    assert loss[-1] < loss[0]
    start = open_model(tmp_path / "a")
    again = list(train(images[:2], tmp_path / "b", _config(), start=start))
    (scored,) = _kinds(again, StartScored)
    assert isinstance(scored, StartScored)
    # It begins where the first one ended: with the same weights, on the same pixels.
    assert scored.fit == pytest.approx(fit[-1], abs=0.01)
    assert scored.fit_loss == pytest.approx(loss[-1], rel=0.02)
    assert scored.score is None
    done = again[-1]
    assert isinstance(done, TrainingDone)
    assert done.start_score is None  # it is no score on images held out
    # The model that is kept is scored as the one before was.
    assert done.start_fit == scored.fit
    assert done.fit is not None
    assert done.nuclei
    held = list(
        train(images, tmp_path / "c", _config(), start=start, validation=images[:1])
    )
    assert all(event.fit is None for event in _ended(held))
    assert _kinds(held, StartScored)[0].score is not None  # type: ignore[attr-defined]
    assert isinstance(held[-1], TrainingDone)
    assert (held[-1].fit, held[-1].start_fit) == (None, None)
    assert held[-1].nuclei


@pytest.mark.parametrize(("rim", "way"), [(-2, 1), (2, -1)])
def test_outlines_are_cut_where_they_were_drawn(
    images: list[TrainingImage], tmp_path: Path, rim: int, way: int
) -> None:
    start = open_model(SHIPPED).with_instances({"min_size": 0.3})
    drawn = []
    for index, image in enumerate(images[:3]):
        mask = tifffile.imread(image.mask)
        inside = ndimage.distance_transform_edt(mask > 0)
        outside, nearest = ndimage.distance_transform_edt(
            mask == 0, return_indices=True
        )
        mask = np.where(outside <= max(rim, 0), mask[tuple(nearest)], 0)
        mask[(inside > 0) & (inside <= -rim)] = 0
        path = tmp_path / f"{index}.tif"
        tifffile.imwrite(path, mask)
        drawn.append(TrainingImage(image.image, path))
    nothing = _config(epochs=1, steps_per_epoch=1, learning_rate=1e-9)
    list(train(drawn, tmp_path / "m", nothing, start=start))
    fitted = open_model(tmp_path / "m").instances
    assert way * (fitted.threshold - start.instances.threshold) > 0.02
    assert fitted.min_size == 0.3  # how nuclei were made that were corrected


def test_images_of_a_kind_that_the_start_does_not_know_are_learned_as_new_ones(
    images: list[TrainingImage],
    whole: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new = list(train(images, tmp_path / "a", _config(trainable="anew"), model=SMALL))
    assert isinstance(new[-1], TrainingDone)
    assert not new[-1].anew  # there was none that could have known them

    def learned(out: str, **changes: object) -> tuple[str, float, float, int]:
        config = _config(epochs=1, **changes)
        events = list(train(images[:1], tmp_path / out, config, start=whole))
        card = open_model(tmp_path / out).card.training
        news = [
            event
            for event in events
            if isinstance(event, Notice) and "knows next to nothing" in event.text
        ]
        rates = [
            event.learning_rate for event in events if isinstance(event, EpochDone)
        ]
        done = events[-1]
        assert isinstance(done, TrainingDone)
        assert done.anew is (card["trainable"] == "anew")
        return card["trainable"], card["share"], rates[-1], len(news)

    trainable, share, fast, news = learned("b")
    assert (trainable, share, news) == ("anew", 1.0, 1)
    assert learned("c", trainable="biases")[0] == "biases"  # as it was asked for
    monkeypatch.setattr(selection, "is_strange", lambda *_: False)
    trainable, share, _, news = learned("d")
    assert trainable == "biases"
    assert share < 0.8
    assert not news
    assert learned("e", trainable="all")[2] < fast / 5  # it has something to lose
    assert learned("f", trainable="anew") == ("anew", 1.0, fast, 0)  # as it was asked


def test_few_images_move_a_trained_model_part_of_the_way(
    images: list[TrainingImage],
    whole: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "is_strange", lambda *_: False)
    run = Training(images[:1], tmp_path / "b", _config(), start=whole)
    list(run)
    share = open_model(tmp_path / "b").card.training["share"]
    assert 0.3 < share < 0.8
    for before, learned, kept in zip(
        _weights(whole.path),
        run._learner._mean,
        _weights(tmp_path / "b"),
        strict=True,
    ):
        way = before + share * (learned - before)
        np.testing.assert_allclose(kept, way, atol=1e-6)


def test_where_images_held_out_get_worse_the_start_is_kept(
    images: list[TrainingImage],
    whole: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(final_choice, "choose_share", lambda *_: 0.0)
    config = _config(epochs=1)
    list(train(images, tmp_path / "b", config, start=whole, validation=images[:1]))
    _assert_same_weights(whole.path, tmp_path / "b")
    assert open_model(tmp_path / "b").card.training["share"] == 0


def test_a_diverging_step_is_undone(
    images: list[TrainingImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Learner.train_step

    def broken(self: Learner, *batch: np.ndarray) -> float:
        loss = real(self, *batch)
        if self.step == 4:
            for variable in self.model.trainable_variables:
                variable.assign(variable * np.nan)
            return float("nan")
        return loss

    monkeypatch.setattr(Learner, "train_step", broken)
    events = list(train(images, tmp_path / "m", _config(), model=SMALL))
    (undone,) = _kinds(events, RolledBack)
    assert "not a number" in undone.reason  # type: ignore[attr-defined]
    assert all(np.isfinite(array).all() for array in _weights(tmp_path / "m"))


def test_a_loss_that_is_never_a_number_ends_the_run(
    images: list[TrainingImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "train_step", lambda *_: float("nan"))
    with pytest.raises(EngineError, match="keeps diverging"):
        list(train(images, tmp_path / "m", _config(), model=SMALL))


def test_the_rate_comes_back_after_a_rollback() -> None:
    learner = Learner(SMALL, _config())
    learner.roll_back(lower_rate=True)
    learner.set_rate(1.0)
    assert learner.rate == 0.5
    learner.step = 1  # no snapshots
    for _ in range(50):
        assert learner.divergence(1.0) == ""
    assert 0.6 < learner.rate_factor < 0.8
    for _ in range(60):
        learner.divergence(1.0)
    assert learner.rate_factor == 1.0


def test_one_bad_batch_is_no_divergence() -> None:
    learner = Learner(SMALL, _config())
    learner.step = 1  # no snapshots
    for loss in [1.0] * 20 + [50.0] * 4 + [1.0] + [50.0] * 4:
        assert learner.divergence(loss) == ""
    assert "rose to 50" in learner.divergence(50.0)


def test_what_is_predicted_with_is_the_average_of_the_last_steps() -> None:
    learner = Learner(SMALL, _config(learning_rate=0.05))
    rng = np.random.default_rng(0)
    patches = rng.random((2, 64, 64, 1), np.float32)
    truth = rng.random((2, 64, 64, 4), np.float32)
    for _ in range(200):
        learner.train_step(patches, truth)
    last = [np.asarray(weight) for weight in learner.model.get_weights()]
    mean = [np.asarray(weight) for weight in learner.averaged.get_weights()]
    assert all(np.isfinite(weight).all() for weight in mean)
    distance = sum(float(np.abs(a - b).sum()) for a, b in zip(last, mean, strict=True))
    size = sum(float(np.abs(weight).sum()) for weight in last)
    assert 0 < distance < 0.5 * size


def test_memory_that_runs_out_halves_the_batch(
    images: list[TrainingImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Learner.train_step

    def greedy(self: Learner, patches: np.ndarray, truth: np.ndarray) -> float:
        if len(patches) > 1:
            raise MemoryError
        return real(self, patches, truth)

    monkeypatch.setattr(Learner, "train_step", greedy)
    events = list(train(images, tmp_path / "m", _config(batch_size=4), model=SMALL))
    sizes = [event.batch_size for event in _kinds(events, BatchHalved)]  # type: ignore[attr-defined]
    assert sizes == [2, 1]
    assert isinstance(events[-1], TrainingDone)


def test_early_stopping(
    images: list[TrainingImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01])
    for user in (epochs, final_choice):
        monkeypatch.setattr(user, "score_windows", lambda *_: next(scores))
    config = _config(epochs=50, patience=2, val_fraction=0.25)
    events = list(train(images, tmp_path / "m", config, model=SMALL))
    done = events[-1]
    assert isinstance(done, TrainingDone)
    assert (done.stopped, done.epochs) == ("early", 3)
    best = [event.best for event in _kinds(events, EpochDone)]  # type: ignore[attr-defined]
    assert best == [True, False, False]
    assert len(_kinds(events, ModelSaved)) == 2


def test_whole_files_are_held_out(images: list[TrainingImage]) -> None:
    stack = [TrainingImage(image.image, image.mask, plane=1) for image in images]
    train_set, held_out = split_images([*images, *stack], None, 0.5, seed=3)
    assert len(train_set) == len(held_out) == 4
    assert not {i.image for i in train_set} & {i.image for i in held_out}
    assert split_images(images, None, None, seed=3)[1] == []


def test_only_one_run_writes_into_a_folder_whoever_starts_it(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    first = iter(Training(images, tmp_path / "m", _config(), model=SMALL))
    next(first)
    (tmp_path / ".m.new").mkdir()  # as if it wrote its model just now
    with pytest.raises(EngineError, match="Another training"):
        list(train(images, tmp_path / "m", _config(), model=SMALL))
    assert (tmp_path / ".m.new").exists()
    assert next(first) is not None  # it goes on
    # A server's thread reads the events, and its end may come in another one.
    closing = threading.Thread(target=first.close)
    closing.start()
    closing.join()
    events = list(train(images, tmp_path / "m", _config(), model=SMALL))
    assert isinstance(events[-1], TrainingDone)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


RUN = """
import json, sys
from pathlib import Path
from unetloop.config import ModelConfig, TrainingConfig, from_dict
from unetloop.event_json import to_json
from unetloop.training import train
from unetloop.training_image import TrainingImage
folder = Path(sys.argv[1])
images = [TrainingImage(p, folder / "masks" / p.name)
          for p in sorted((folder / "images").iterdir())]
config = from_dict(TrainingConfig, json.loads(sys.argv[3]))
model = ModelConfig(options={"filters": [4, 8]})
for event in train(images, Path(sys.argv[2]), config, model=model):
    print(to_json(event), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_run_goes_on_to_the_same_end(
    images: list[TrainingImage], whole: Model, samples: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", RUN, str(samples / "train"), str(tmp_path / "cut")]
    with subprocess.Popen(
        [*command, json.dumps(to_dict(_config()))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if '"step 4"' in line:
                run.kill()
                break
    time.sleep(0.1)
    events = list(train(images, tmp_path / "cut", _config(), model=SMALL))
    texts = [getattr(event, "text", "") for event in events]
    assert any("stopped after step 3" in text for text in texts)
    _assert_same_weights(whole.path, tmp_path / "cut")


@pytest.mark.parametrize("killed", [1, 2])
def test_a_run_that_is_killed_right_behind_its_model_goes_on(
    images: list[TrainingImage],
    whole: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed: int,
) -> None:
    """Without a note beside it, its first model was taken for one that was done."""
    save, saved = Keeper.save, []

    def kill(*values: Any, **more: Any) -> Any:
        saved.append(save(*values, **more))
        if len(saved) == killed:
            raise KeyboardInterrupt
        return saved[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "save", kill)
        with pytest.raises(KeyboardInterrupt):
            list(train(images, tmp_path / "cut", _config(), model=SMALL))
    assert open_model(tmp_path / "cut").card.training["steps"] == 3 * killed
    events = list(train(images, tmp_path / "cut", _config(), model=SMALL))
    texts = " ".join(event.text for event in events if isinstance(event, Notice))
    assert "stopped after step 3" in texts
    _assert_same_weights(whole.path, tmp_path / "cut")


def test_a_run_that_is_killed_while_its_model_changes_names_goes_on(
    images: list[TrainingImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, renamed = Path.rename, []

    def kill(self: Path, target: Path) -> Path:
        renamed.append(self.name)
        if renamed.count(".m.new") == 2:  # its second model
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", kill)
        with pytest.raises(KeyboardInterrupt):
            list(train(images, tmp_path / "m", _config(), model=SMALL))
    assert not (tmp_path / "m").exists()
    assert open_model(tmp_path / "m").card.training["steps"] == 3
    events = list(train(images, tmp_path / "m", _config(), model=SMALL))
    texts = " ".join(event.text for event in events if isinstance(event, Notice))
    assert "stopped after step 3" in texts
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_run_that_is_not_gone_on_with_is_told_of(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    def begun(config: TrainingConfig) -> str:
        run = Training(images, tmp_path / "m", config, model=SMALL)
        events = iter(run)
        said = []
        for event in events:
            said += [event.text] if isinstance(event, Notice) else []
            if run.step:
                break
        run.keep()
        events.close()  # type: ignore[attr-defined]
        return " ".join(said)

    assert "broken off" not in begun(_config())
    assert "broken off here is not gone on with" in begun(_config(learning_rate=1e-4))
    assert "stopped after step 1" in begun(_config(learning_rate=1e-4))


def test_a_run_goes_on_with_what_rate_and_statistics_follow_from(
    tmp_path: Path,
) -> None:
    model = ModelConfig("unet_small", options={"filters": [4, 8], "dropout": []})
    config = _config(schedule="plateau")
    rng = np.random.default_rng(0)

    def begun() -> tuple[Learner, Schedule, bool]:
        learner, schedule = Learner(model, config), Schedule(config)
        keeper = Keeper(tmp_path / "m", config, model, None, 32.0)
        went_on = keeper.resume(learner, schedule, "this run") is not None
        if not went_on:
            for _ in range(10):  # until the weights are averaged
                patches = rng.random((2, 64, 64, 1), np.float32)
                truth = rng.random((2, 64, 64, 4), np.float32)
                learner.train_step(patches, truth)
            schedule.epoch_ended(0.5)
            keeper.note(learner, schedule)
        return learner, schedule, went_on

    learner, schedule, went_on = begun()
    again, same, goes_on = begun()
    assert (went_on, goes_on) == (False, True)
    assert same.losses == schedule.losses == [0.5]
    for one, other in zip(
        learner.averaged.get_weights(), again.averaged.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_where_the_drive_goes_away_no_folder_is_made_in_its_place(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    drive = tmp_path / "drive"
    run = train(images, drive / "model", _config(), model=SMALL)
    next(event for event in run if isinstance(event, ModelSaved))
    drive.rename(tmp_path / "away")
    with pytest.raises(EngineError, match="The folder for the model is gone"):
        list(run)
    assert not drive.exists()
    assert open_model(tmp_path / "away/model").card.training["steps"] > 0
