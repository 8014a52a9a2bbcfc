from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

# The same hands on the same viewer as in tests/plugin, but the real engine.
_PLACE = Path(__file__).parents[1] / "plugin" / "conftest.py"
_spec = importlib.util.spec_from_file_location("viewer_hands", _PLACE)
assert _spec is not None
assert _spec.loader is not None
_hands = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_hands)

folder, start, loop = _hands.folder, _hands.start, _hands.loop
home, docks = _hands.home, _hands.docks


@pytest.fixture
def program() -> list[str]:
    """The engine itself."""
    return ["-P", "-m", "unetloop", "serve"]
