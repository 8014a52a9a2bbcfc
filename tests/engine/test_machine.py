"""What is said of the device is true on machines that are not this one."""

from __future__ import annotations

import re
import shutil
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from unetloop import machine


@pytest.fixture
def with_backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend a backend, what it finds, and what kind of machine this is."""

    def pretend(
        backend: str, found: Any, system: str = "linux", driver: bool = False
    ) -> tuple[str, str | None]:
        keras = SimpleNamespace(backend=SimpleNamespace(backend=lambda: backend))
        monkeypatch.setitem(sys.modules, "keras", keras)
        monkeypatch.setitem(sys.modules, backend, found)
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(shutil, "which", lambda name: name if driver else None)
        return machine.find_device()

    return pretend


def torch(cuda: tuple[str, ...] = (), mps: bool = False) -> Any:
    return SimpleNamespace(
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
        cuda=SimpleNamespace(
            device_count=lambda: len(cuda), get_device_name=lambda index: cuda[index]
        ),
    )


def tensorflow(*names: str) -> Any:
    config = SimpleNamespace(
        list_physical_devices=lambda kind: [
            SimpleNamespace(name=name) for name in names
        ],
        experimental=SimpleNamespace(
            get_device_details=lambda device: {"device_name": f"NVIDIA {device.name}"}
        ),
    )
    return SimpleNamespace(config=config)


def jax(*kinds: tuple[str, str]) -> Any:
    devices = [
        SimpleNamespace(platform=platform, device_kind=kind) for platform, kind in kinds
    ]
    return SimpleNamespace(devices=lambda: devices)


@pytest.mark.parametrize(
    ("backend", "found", "system", "device"),
    [
        ("tensorflow", tensorflow("H100"), "linux", "NVIDIA H100"),
        ("torch", torch(("NVIDIA A100", "NVIDIA T4")), "win32", "NVIDIA A100"),
        ("torch", torch(mps=True), "darwin", "Apple GPU (MPS)"),
        ("jax", jax(("cpu", "cpu"), ("gpu", "NVIDIA H200")), "linux", "NVIDIA H200"),
    ],
)
def test_a_gpu_is_called_by_its_name(
    with_backend: Any, backend: str, found: Any, system: str, device: str
) -> None:
    assert with_backend(backend, found, system, driver=True) == (device, None)


@pytest.mark.parametrize(
    ("backend", "found", "system", "driver", "reason"),
    [
        ("tensorflow", tensorflow(), "linux", False, "nvidia-smi is missing"),
        ("tensorflow", tensorflow(), "linux", True, r"tensorflow\[and-cuda\]"),
        ("tensorflow", tensorflow(), "win32", True, "use WSL2"),
        ("tensorflow", tensorflow(), "darwin", False, "no GPU support on macOS"),
        ("torch", torch(), "darwin", False, "torch finds no GPU on this Mac"),
        ("torch", torch(), "win32", True, "torch was installed without CUDA"),
        ("jax", jax(("cpu", "cpu")), "linux", True, "jax was installed without CUDA"),
    ],
)
def test_where_there_is_no_gpu_the_reason_is_that_of_the_backend(
    with_backend: Any, backend: str, found: Any, system: str, driver: bool, reason: str
) -> None:
    device, why = with_backend(backend, found, system, driver)
    assert device.startswith("CPU, ")
    assert why is not None
    assert re.search(reason, why)
