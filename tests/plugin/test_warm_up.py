from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import pint
from napari_unet._warm_up import make_ready, take_ready
used = pint.get_application_registry()
{before}
ready = make_ready()
take_ready(ready)
assert (used.get() is ready) is {taken}
assert 1 * used.um == 1 * used.Unit("micrometer")
"""


@pytest.mark.parametrize(("before", "taken"), [("", True), ("used.um", False)])
def test_units_are_made_beforehand_unless_somebody_uses_them_already(
    before: str, taken: bool
) -> None:
    script = _SCRIPT.format(before=before, taken=taken)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
