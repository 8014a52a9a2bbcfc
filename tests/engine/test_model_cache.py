"""Which networks are loaded once, and when they are loaded again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from unetloop import model_cache
from unetloop.model_cache import ModelCache

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from unetloop.checkpoint import Model


def test_two_models_in_turn_are_loaded_once_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded: list[str] = []

    class Opened:
        def __init__(self, name: str, version: int) -> None:
            self.path, self.version = tmp_path / name, version

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Opened) and vars(self) == vars(other)

        __hash__ = None  # type: ignore[assignment]

    versions = {"a": 1, "b": 1, "c": 1}

    def load(model: Model, quick: bool) -> object:
        loaded.append(model.path.name)
        return object()

    monkeypatch.setattr(
        model_cache, "open_model", lambda name: Opened(name, versions[name])
    )
    monkeypatch.setattr(model_cache, "_load", load)
    cache = ModelCache(lambda: None)
    networks = [cache.open(name)[1] for name in ("a", "b", "a", "b")]
    assert loaded == ["a", "b"]
    assert networks[:2] == networks[2:]
    versions["a"] = 2  # it was trained again
    assert cache.open("a")[1] is not networks[0]
    assert cache.open("b")[1] is networks[1]
    cache.open("c")
    cache.open("b")
    assert loaded == ["a", "b", "a", "c"]
    cache.open("a")
    assert loaded[-1] == "a"


def test_keras_is_imported_and_said_to_be_once_whoever_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meanwhile: list[threading.Thread] = []

    def start() -> None:  # as long as it takes, somebody else asks
        if not meanwhile:
            meanwhile.append(threading.Thread(target=cache.import_keras))
            meanwhile[0].start()
        began.append(1)

    began: list[int] = []
    said: list[int] = []
    monkeypatch.setattr(model_cache, "start_keras", start)
    cache = ModelCache(lambda: said.append(1))
    cache.import_keras()
    meanwhile[0].join()
    assert (len(began), len(said)) == (1, 1)
    assert cache.start_seconds == 0
