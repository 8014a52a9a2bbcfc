"""The paragraph for a paper says what was done, and cites what it names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from unetloop.catalog import ARCHITECTURES
from unetloop.methods import (
    describe_class_methods,
    describe_methods,
    list_references,
)

INSTANCES = {
    "threshold": 0.5,
    "seed_threshold": 0.3,
    "prominence": 0.2,
    "min_size": 0.1,
    "min_certainty": 0.85,
}


def a_run(**model: Any) -> dict[str, Any]:
    """What run.json says of a run with the default settings."""
    return {
        "model": {
            "name": "mine",
            "sha256": "ab12",
            "architecture": "unet",
            "maps": ["foreground", "distance"],
            "diameter": 32.0,
            "normalization": {"low": 1.0, "high": 99.8, "nuclei": "bright"},
            "instances": INSTANCES,
            "classes": [],
            "pixel_size": None,
            "trained_on_images": 1,
            "knows_its_images": True,
            **model,
        },
        "settings": {
            "diameter": None,
            "tile": 1024,
            "overlap": 208,
            "flips": False,
            "channel": None,
            "channels": {},
            "instances": INSTANCES,
        },
        "runtime": {"backend": "ONNX Runtime on the CPU"},
        "versions": {
            "unetloop": "0.1.0",
            "python": "3.11",
            "numpy": "2.0",
            "scikit-image": "0.25",
        },
    }


CLASSES = [{"name": "tumour"}, {"name": "stroma"}]


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "somebody_elses"])
@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("classes", [[], CLASSES])
def test_every_number_in_brackets_is_a_listed_work_and_every_work_is_cited(
    architecture: str, knows: bool, classes: list[dict[str, str]]
) -> None:
    run = a_run(architecture=architecture, knows_its_images=knows, classes=classes)
    text = describe_class_methods(run, 3) if classes else describe_methods(run, 3, 12)
    cited = [int(number) for number in re.findall(r"\[(\d+)\]", text)]
    assert cited == list(range(1, len(list_references(run)) + 1))


def test_a_published_network_is_cited_by_its_own_work() -> None:
    run = a_run(architecture="attention_unet")
    assert "architecture attention_unet [2]" in describe_methods(run, 3, 12)
    assert "Oktay 2018" in list_references(run)[1]


def test_a_network_of_one_map_is_not_said_to_predict_two() -> None:
    both = describe_methods(a_run(), 3, 12)
    one = describe_methods(a_run(maps=["foreground"]), 3, 12)
    assert "predicts a foreground probability and the normalised distance" in both
    assert "predicts a foreground probability and" not in one
    assert "was computed" in one


@pytest.mark.parametrize(
    ("nuclei", "inverted"), [("bright", False), ("dark", True), ("either", True)]
)
def test_inverted_planes_are_told_of(nuclei: str, inverted: bool) -> None:
    normal = {"low": 1.0, "high": 99.8, "nuclei": nuclei}
    run = a_run(normalization=normal)
    text = describe_methods(run, 3, 12)
    assert ("inverted" in text) == inverted
    works = list_references(run)
    numbers = [at for at, work in enumerate(works, start=1) if "Lindeberg" in work]
    assert len(numbers) == (nuclei == "either")
    assert all(f"Hessian [{number}]" in text for number in numbers)
    assert text.index(f"[{len(works) - 1}]") < text.index(f"[{len(works)}]")


def test_one_is_not_written_as_many() -> None:
    text = describe_methods(a_run(), 1, 1)
    assert "trained on 1 annotated image," in text
    assert "In 1 image 1 nucleus was found." in text
    assert "1 image was segmented" in describe_class_methods(a_run(classes=CLASSES), 1)


def test_a_model_that_began_with_another_says_with_which() -> None:
    assert "from other weights" not in describe_methods(a_run(), 3, 12)
    text = describe_methods(a_run(started_from="cd34"), 3, 12)
    assert "1 annotated image from other weights (SHA-256 cd34)," in text


def test_what_was_set_by_hand_is_told_with_the_models_own_value() -> None:
    run = a_run()
    assert "Set by hand" not in describe_methods(run, 3, 12)
    run["settings"]["instances"] = {**INSTANCES, "threshold": 0.7}
    text = describe_methods(run, 3, 12)
    assert "a probability above 0.7" in text
    assert "the model's own value): probability of the foreground (0.5)." in text


def test_channels_flips_and_a_given_diameter_are_told() -> None:
    run = a_run()
    run["settings"] |= {"channel": "DAPI", "flips": True, "diameter": 21.5}
    for text in (describe_methods(run, 3, 12), describe_class_methods(run, 3)):
        assert "Channel DAPI was looked at." in text
        assert "four mirror images" in text
    assert "given as 21.5 px" in describe_methods(run, 3, 12)


def test_a_pixel_size_that_no_file_states_is_told() -> None:
    run = a_run()
    assert "µm" not in describe_methods(run, 3, 12)
    run["settings"] |= {"pixel_size": 0.325, "pixel_sizes": {"/a.tif": 0.5}}
    for text in (describe_methods(run, 3, 12), describe_class_methods(run, 3)):
        assert "images that state no size were taken as 0.325 µm wide." in text
        assert "The size of the pixels of some images was given" in text
