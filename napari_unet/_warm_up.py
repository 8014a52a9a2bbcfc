"""What the first layers need is made ready beforehand, while nobody waits for it."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

__all__ = ["Ready", "make_ready", "take_ready"]

Ready = Any
"""What `take_ready` takes."""

# Of the first layers with labels, of the first layer, and of the first curve.
_MODULES = ("skimage.color.colorconv", "xarray", "pyqtgraph")


def make_ready() -> Ready:
    """Import what the first layer and the first curve will need; for threads.

    Returns
    -------
    Ready
        A registry of units: each layer has some, and to read their definitions takes
        half of the time that the first layer takes. pint's own is left alone, since it
        must not be used while it is made.
    """
    for name in _MODULES:
        with suppress(ImportError):
            import_module(name)
    with suppress(ImportError):
        return import_module("pint").UnitRegistry(on_redefinition="raise")
    return None


def take_ready(registry: Ready) -> None:
    """Use it, in the event loop, unless one is in use already.

    Parameters
    ----------
    registry : Ready
        Of `make_ready`.
    """
    if registry is None:
        return
    pint = import_module("pint")
    used = pint.get_application_registry().get()
    if isinstance(used, import_module("pint.registry").LazyRegistry):
        pint.set_application_registry(registry)
