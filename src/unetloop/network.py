"""A trained network that can be called, on whichever runtime is at hand."""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from unetloop.errors import EngineError
from unetloop.onnx_graph import write_graph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "BYTES_A_PIXEL",
    "STEP",
    "KerasNetwork",
    "Network",
    "OnnxNetwork",
    "hushed",
    "start_keras",
]

STEP = 16
"""Rows and columns of tiles are multiples of this."""

BYTES_A_PIXEL = 1500
"""Memory that the network which ships takes for each pixel of a tile: measured."""

# Two threads at once would restore each other's: what is said would be lost for good.
_HUSHING = threading.Lock()


@contextmanager
def hushed() -> Iterator[None]:
    """Keep away what libraries print straight to the file descriptor."""
    with _HUSHING:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def start_keras() -> None:
    """Import Keras, and wake its backend and device, without what they print.

    TensorFlow greets users with lines about CUDA libraries and instruction
    sets. What matters of it is in ``unetloop info``.

    Raises
    ------
    EngineError
        If there is no such backend, or it can't be imported.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with hushed():
        try:
            keras = import_module("keras")
        except (ImportError, ValueError) as error:
            first, *_ = f"{type(error).__name__}: {error}".splitlines()
            raise EngineError(
                f"Keras can't start ({first}).",
                todo="Install this backend, or choose another: tensorflow, jax, torch.",
                KERAS_BACKEND=os.environ.get("KERAS_BACKEND", "not set"),
            ) from error
        keras.ops.zeros(1)
        # It advises programmers, of shapes that come anew with each image.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)


class Network(Protocol):
    """Anything that turns image tiles into maps.

    Called with (batch, rows, columns, channels) of float32, rows and columns
    multiples of 16, it returns (batch, rows, columns, maps) of float32, 0..1.
    ``bytes_a_pixel`` says what memory it takes for each pixel of a batch.
    """

    backend: str
    channels: int
    bytes_a_pixel: int

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the maps of a batch of tiles."""


class OnnxNetwork:
    """A network in ONNX Runtime: imported in 0.2 s, for the first and small jobs.

    Parameters
    ----------
    path : Path
        The model folder's ``model.onnx``.
    bytes_a_pixel : int
        Memory that it takes, of the model's card.
    """

    backend = "ONNX Runtime on the CPU"

    def __init__(self, path: Path, bytes_a_pixel: int = BYTES_A_PIXEL) -> None:
        import onnxruntime

        self.bytes_a_pixel = bytes_a_pixel

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        source = self._session.get_inputs()[0]
        self._name = source.name
        self.channels = int(source.shape[-1])

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the maps of a batch of tiles."""
        maps = self._session.run(None, {self._name: batch})[0]
        return np.asarray(maps, np.float32)


class KerasNetwork:
    """A Keras model that outputs logits, with probabilities put behind it.

    What a network with unpadded convolutions loses at the border is mirrored
    there first, so that every network gives maps as large as the image.

    Parameters
    ----------
    model : keras.Model
        From an image to logits. Its weights may go on being trained; each
        call uses them as they are then.
    activation : str
        ``sigmoid``: each map by itself; ``softmax``: classes that add up to 1. A
        single map always gets the sigmoid.
    """

    def __init__(
        self, model: Any, activation: Literal["sigmoid", "softmax"] = "sigmoid"
    ) -> None:
        import keras

        from unetloop.models.geometry import same_size
        from unetloop.models.memory import bytes_a_pixel

        self.backend = f"Keras on {keras.backend.backend()}"
        self.channels = int(model.input_shape[-1])
        self.bytes_a_pixel = max(BYTES_A_PIXEL, bytes_a_pixel(model))
        image, logits = same_size(model, STEP)
        several = activation == "softmax" and logits.shape[-1] > 1
        probabilities = keras.ops.softmax if several else keras.ops.sigmoid
        self.model = keras.Model(image, probabilities(logits))
        # XLA compiles anew for every shape, and is slower on a CPU.
        self.model.compile(
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto"
        )

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the maps of a batch of tiles."""
        return np.asarray(self.model.predict_on_batch(batch), np.float32)

    def export(self, path: Path) -> None:
        """Write ``model.onnx`` for `OnnxNetwork`."""
        write_graph(self.model, path)
