"""The saved models that fields are predicted with, loaded once; and when Keras is.

Importing Keras takes seconds and the cores that the first field needs. So the
first field is predicted by ONNX Runtime, and Keras is imported after it.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from unetloop.checkpoint import Model, open_model
from unetloop.network import OnnxNetwork, start_keras

if TYPE_CHECKING:
    from collections.abc import Callable

    from unetloop.network import Network

__all__ = ["ModelCache"]

# One that predicts, and one that it is compared with.
_KEPT = 2

# It can't be measured before it is done: 3 s where nothing else runs, and up to 20 s
# where much does, on the machines that were tried.
_IMPORT_SECONDS = 6.0


class ModelCache:
    """Keeps the networks of the two models that were asked for last.

    Parameters
    ----------
    imported : callable
        Called once Keras is imported, in the thread that did it.
    """

    def __init__(self, imported: Callable[[], None]) -> None:
        self._say_imported = imported
        self._importing: threading.Thread | None = None
        self._importing_now = threading.Lock()
        self._imported = threading.Event()
        self._kept: list[tuple[Model, bool, Network]] = []
        self._seconds = 0.0
        self._began: float | None = None

    @property
    def start_seconds(self) -> float:
        """How long a batch waits for its network; it always opens one of its own.

        As long as the last one took to be opened here; and while Keras is not
        imported, for that, too: it needs it, or shares the cores with it.
        """
        if self._imported.is_set():
            return self._seconds
        began = self._began
        gone = 0.0 if began is None else time.monotonic() - began
        return self._seconds + max(_IMPORT_SECONDS - gone, 0.0)

    def import_keras(self) -> None:
        """Import Keras now; whoever asks meanwhile waits for it."""
        self._began = self._began or time.monotonic()
        with self._importing_now:
            if not self._imported.is_set():
                start_keras()
                self._imported.set()
                self._say_imported()

    def import_keras_beside(self) -> None:
        """Import Keras in a thread, unless that was begun before."""
        if self._importing is None and not self._imported.is_set():
            self._importing = threading.Thread(target=self.import_keras, daemon=True)
            self._importing.start()

    def open(self, name: str) -> tuple[Model, Network]:
        """Open a model by name or path, as it is now, with its network.

        Raises
        ------
        EngineError
            If there is no such model, or it can't be read.
        """
        model = open_model(name)  # it may have been trained again since
        quick = not self._imported.is_set()
        known = next((kept for kept in self._kept if kept[:2] == (model, quick)), None)
        if known is None:
            began = time.perf_counter()
            known = (model, quick, _load(model, quick))
            self._seconds = time.perf_counter() - began
        others = [kept for kept in self._kept if kept[0].path != model.path]
        self._kept = [known, *others][:_KEPT]
        return model, known[2]


def _load(model: Model, quick: bool) -> Network:
    if quick:
        with suppress(Exception):  # whatever is wrong with it, Keras still works
            return OnnxNetwork(model.path / "model.onnx", model.card.bytes_a_pixel)
    return model.network()
