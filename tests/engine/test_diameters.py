"""By which diameter a project's planes were predicted, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import tifffile

from unetloop import field
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.config import PredictionConfig, TrainingConfig
from unetloop.diameters import Seen, note_diameter, read_diameters, same_size
from unetloop.events import FieldPredicted
from unetloop.jobs import JobQueue
from unetloop.live_training import LiveTraining, TrainRequest
from unetloop.project import open_project
from unetloop.project_training import annotated_planes
from unetloop.samples import SMALL, draw_nuclei
from unetloop.scale import Scale
from unetloop.training_image import load_nuclei

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from unetloop.events import Event
    from unetloop.project import Project


pytestmark = pytest.mark.usefixtures("quick_networks")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    tifffile.imwrite(tmp_path / "a.tif", draw_nuclei(SMALL, 1).image)
    with open_project(tmp_path / "project", create=True) as made:
        made.add_images([tmp_path / "a.tif"])
        yield made


def _review_a_nucleus(project: Project) -> None:
    """Say that there is one in the first image, 16 pixels across."""
    rows, columns = np.ogrid[:256, :256]
    labels = (np.hypot(rows - 60, columns - 60) < 8).astype(np.int32)
    for array, values in (("segmentation", labels), ("review", labels > 0)):
        path = project.annotation_path(array, project.images[0], 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, values.astype(np.uint8))


def _predict(
    project: Project, live: bool = False, diameter: float | None = None
) -> float:
    model = open_model(SHIPPED)
    *_, last = field.predict_field(
        project,
        project.images[0].id,
        0,
        None,
        model.network(1e5),
        Scale.of(model),
        PredictionConfig(diameter=diameter),
        None,
        0,
        live=live,
    )
    assert isinstance(last, FieldPredicted)
    assert last.diameter is not None
    return last.diameter


def test_what_was_noted_is_there_again(project: Project) -> None:
    assert read_diameters(project) == {}
    first, other, later = Seen(31.5, True), Seen(8.0, False), Seen(30.0, True)
    note_diameter(project, "a", 0, first)
    note_diameter(project, "b", 12, other)
    note_diameter(project, "a", 0, later)
    assert read_diameters(project) == {"a": {0: later}, "b": {12: other}}
    # The viewer asks for the other fields of a plane by what was estimated.
    note_diameter(project, "a", 0, Seen(30.0, False))
    assert read_diameters(project)["a"][0].estimated


@pytest.mark.parametrize(
    "content", ["", "[1]", '{"a": 3}', '{"a": {"0": 2}}', '{"a": {"0": {}}}']
)
def test_a_damaged_note_is_none(project: Project, content: str) -> None:
    path = project.cache_folder / "diameters.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert read_diameters(project) == {}
    note_diameter(project, "a", 0, Seen(31.5, True))
    assert read_diameters(project) == {"a": {0: Seen(31.5, True)}}


def test_nuclei_are_of_one_size_up_to_a_quarter() -> None:
    assert same_size(20, 24.9)
    assert same_size(24.9, 20)
    assert not same_size(20, 25.1)
    assert not same_size(None, 20)
    assert not same_size(20, None)


def test_what_is_shown_is_noted_and_what_is_being_trained_is_not(
    project: Project,
) -> None:
    _predict(project, live=True)
    assert read_diameters(project) == {}
    found = _predict(project)
    assert read_diameters(project) == {"a": {0: Seen(found, True)}}
    _predict(project, diameter=22.0)
    assert read_diameters(project) == {"a": {0: Seen(22.0, False)}}


def test_what_was_chosen_before_does_not_hold_an_estimate(project: Project) -> None:
    found = _predict(project)
    assert _predict(project, diameter=1.1 * found) == 1.1 * found
    assert _predict(project) == found


@pytest.mark.parametrize(("factor", "stays"), [(1.1, True), (2.0, False)])
def test_an_estimate_changes_only_what_was_clearly_wrong(
    project: Project, factor: float, stays: bool
) -> None:
    found = _predict(project)
    before = round(found * factor, 2)
    note_diameter(project, "a", 0, Seen(before, True))
    assert _predict(project) == (before if stays else found)


@pytest.mark.parametrize(
    ("seen_by", "zoom"), [(None, 2.0), (18.0, 32 / 18), (30.0, 2.0)]
)
def test_a_plane_is_learned_from_as_it_was_seen(
    project: Project, seen_by: float | None, zoom: float
) -> None:
    _review_a_nucleus(project)
    if seen_by is not None:
        note_diameter(project, "a", 0, Seen(seen_by, True))
    (image,) = annotated_planes(project, None, 1)
    assert load_nuclei(image).zoom_to(32.0) == pytest.approx(zoom, rel=0.05)


@pytest.mark.parametrize(
    ("seen_by", "learned", "elsewhere"), [(18.0, 18.0, 31.0), (30.0, 16.0, None)]
)
def test_while_it_learns_nuclei_are_taken_for_as_large_as_they_are(
    project: Project, tmp_path: Path, seen_by: float, learned: float, elsewhere: Any
) -> None:
    for name in ("b", "c", "d"):
        tifffile.imwrite(tmp_path / f"{name}.tif", draw_nuclei(SMALL, 2).image)
    project.add_images([tmp_path / f"{name}.tif" for name in ("b", "c", "d")])
    _review_a_nucleus(project)
    note_diameter(project, "a", 0, Seen(seen_by, True))
    note_diameter(project, "b", 0, Seen(31.0, True))
    note_diameter(project, "c", 0, Seen(9.0, False))
    jobs = JobQueue(lambda *_: None)
    live = LiveTraining(jobs)
    request = TrainRequest("mine", TrainingConfig(epochs=1))
    running = live.run(project, request, lambda: False)
    next(running)
    sizes = [live.diameter(project, name, 0) for name in "abcd"]
    assert sizes[0] == pytest.approx(learned, rel=0.05)
    # Where the model was wrong here, what it estimated elsewhere is not held on to.
    assert sizes[1:] == [elsewhere, 9.0, None]
    cast("Generator[Event]", running).close()
    jobs.close(5)
