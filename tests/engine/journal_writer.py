"""What a process does that is killed while it writes into a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unetloop.edits import Edit
from unetloop.journal import Journal
from unetloop.project import open_project

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path


def write_without_end(folder: Path, tell: Connection) -> None:
    """Record one edit after the other, and tell of each when it is acknowledged."""
    project = open_project(folder)
    journal = Journal(project)
    image = project.images[0]
    value = int(journal.state(image, 0, "segmentation")[0, 0])
    while True:
        value += 1
        before = journal.state(image, 0, "segmentation")[:4, :4]
        edit = Edit("a", 0, "segmentation", 0, 0, before, np.full_like(before, value))
        journal.record("paint", [edit])
        tell.send(value)
        if value % 5 == 0:
            journal.flush()
