"""What this machine is and does, in plain words, and why no GPU is used."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from importlib import metadata
from typing import Any

import numpy as np

from unetloop import __version__

__all__ = ["describe_machine", "find_device"]

_FIELD = 512


def describe_machine() -> dict[str, Any]:
    """Look at the backend and the devices, and time one 512 × 512 field.

    Returns
    -------
    dict
        Names and values for people and programs: versions, backend, device,
        the reason why no GPU is used (null where one is), seconds per field
        of the default network, and installations that get in the way (null: none).
    """
    import keras

    from unetloop.checkpoint import build_network
    from unetloop.config import ModelConfig
    from unetloop.network import KerasNetwork

    backend = keras.backend.backend()
    device, why_no_gpu = find_device()
    network = KerasNetwork(build_network(ModelConfig()))
    field = np.zeros((1, _FIELD, _FIELD, 1), np.float32)
    network(field)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        network(field)
        times.append(time.perf_counter() - began)
    return {
        "unetloop": __version__,
        "python": platform.python_version(),
        "backend": f"{backend} {_version(backend)} with Keras {keras.__version__}",
        "device": device,
        "why_no_gpu": why_no_gpu,
        "seconds_per_512_field": round(min(times), 3),
        "conflict": _conflict(),
    }


def find_device() -> tuple[str, str | None]:
    """Name what networks run on, and say why it is no GPU (None: it is one)."""
    import keras

    backend = keras.backend.backend()
    gpus = _gpus(backend)
    if gpus:
        return gpus[0], None
    return f"CPU, {os.cpu_count()} cores", _why_no_gpu(backend)


def _gpus(backend: str) -> list[str]:
    if backend == "tensorflow":
        import tensorflow

        return [
            str(
                tensorflow.config.experimental.get_device_details(device).get(
                    "device_name", device.name
                )
            )
            for device in tensorflow.config.list_physical_devices("GPU")
        ]
    if backend == "jax":
        import jax

        return [
            str(device.device_kind)
            for device in jax.devices()
            if device.platform != "cpu"
        ]
    import torch

    if torch.backends.mps.is_available():  # what Keras takes, too
        return ["Apple GPU (MPS)"]
    count = torch.cuda.device_count()
    return [torch.cuda.get_device_name(index) for index in range(count)]


def _why_no_gpu(backend: str) -> str:
    if sys.platform == "darwin":
        if backend != "tensorflow":
            return f"{backend} finds no GPU on this Mac."
        return (
            "TensorFlow has no GPU support on macOS: PyTorch may have; install it and "
            "set KERAS_BACKEND=torch."
        )
    if shutil.which("nvidia-smi") is None:
        return "No NVIDIA driver is installed on this machine (nvidia-smi is missing)."
    if sys.platform == "win32" and backend == "tensorflow":
        return (
            "TensorFlow has no GPU support on Windows: use WSL2, or install PyTorch "
            "and set KERAS_BACKEND=torch."
        )
    if backend == "tensorflow":
        return (
            "There is an NVIDIA driver, but TensorFlow lacks the CUDA libraries: "
            'pip install "tensorflow[and-cuda]"'
        )
    return f"There is an NVIDIA driver, but {backend} was installed without CUDA."


def _conflict() -> str | None:
    """Another distribution brings a package that is called napari_unet, too."""
    try:
        metadata.version("napari-unet")
    except metadata.PackageNotFoundError:
        return None
    return (
        "The package napari-unet uses the same module name as this plugin: "
        "pip uninstall napari-unet, then reinstall napari-unet-loop."
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
