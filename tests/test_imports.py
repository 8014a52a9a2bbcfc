"""What must answer at once loads nothing slow, and no viewer where none belongs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SLOW = {"tensorflow", "keras", "jax", "torch", "onnxruntime"}
VIEWER = {"napari", "qtpy", "PyQt6", "PySide6", "magicgui", "superqt"}


def loaded_by(module: str) -> set[str]:
    """Import a module in a fresh interpreter and list the packages it brought in."""
    program = (
        f"import {module}, json, sys;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "unetloop",
        "unetloop.cli",
        "unetloop.images",
        "unetloop.files",
        "unetloop.instances",
        "unetloop.metrics",
        "unetloop.samples",
        "unetloop.events",
    ],
)
def test_light_modules_load_no_framework_and_no_viewer(module: str) -> None:
    assert loaded_by(module) & (SLOW | VIEWER) == set()


def test_the_package_alone_loads_nothing() -> None:
    assert "numpy" not in loaded_by("unetloop")


def test_the_plugin_loads_no_framework() -> None:
    assert loaded_by("napari_unet._sample_data") & SLOW == set()


def test_the_check_would_notice() -> None:
    assert "numpy" in loaded_by("unetloop.images")
