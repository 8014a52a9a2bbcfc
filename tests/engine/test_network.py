"""What networks run on, and what is not said meanwhile."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from unetloop.network import hushed

if TYPE_CHECKING:
    import pytest


def test_two_threads_that_hush_at_once_leave_what_is_said_later(
    capfd: pytest.CaptureFixture[str],
) -> None:
    began, ends = ([threading.Event() for _ in range(2)] for _ in range(2))

    def hush(number: int) -> None:
        with hushed():
            began[number].set()
            os.write(2, b"not to be heard")
            ends[number].wait(5)

    threads = [threading.Thread(target=hush, args=[number]) for number in range(2)]
    threads[0].start()
    assert began[0].wait(5)
    threads[1].start()
    began[1].wait(0.3)  # if it is let in now, silence is what it restores in the end
    for thread, end in zip(threads, ends, strict=True):
        end.set()
        thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
