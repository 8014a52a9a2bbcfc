"""What the dock says is being done, or was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_where_no_nucleus_is_found_it_says_what_may_be_wrong(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.engine.send("fake", do="sees", model="nuclei", brightness=2.0)
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.busy.startswith("No nuclei found"))
    loop.engine.send("fake", do="sees", model="nuclei", brightness=0.4)
    loop.session.predictor.predict_again()
    loop.wait(lambda: (loop.layers.nuclei.data > 0).any())
    loop.wait(lambda: loop.session.state.busy == "")
