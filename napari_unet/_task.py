"""What is segmented: all that differs in the viewer between nuclei and tissue classes.

One object holds it. It is asked by the parts that read, correct, draw, predict and
learn, which know no more of it; a process of its own (`_worker`) asks it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.classes import TissueClass
    from unetloop.config import InstanceConfig
    from unetloop.corrections import Change
    from unetloop.pieces import Window

__all__ = ["COMMON_KEYS", "Correction", "Progress", "Task"]

COMMON_KEYS = {
    "ignore": "I",
    "box": "Enter",
    "part": "Shift-Enter",
    "undo": "Ctrl+Z",
    "redo": "Ctrl+Shift+Z",
    "outlines": "O",
    "next": "PageDown",
    "previous": "PageUp",
    "stop": "Escape",
}
"""Keys of the actions that there are in every task."""


Correction: TypeAlias = Callable[[Any, Any, Any], "Change | None"]
"""Given segmentation, review, and where: what a tool makes of a plane."""


@dataclass(frozen=True)
class Progress:
    """What the corrections so far mean for learning.

    Parameters
    ----------
    count : int
        How much there is to learn from, in corrections.
    hindrance : str
        Why nothing can be learned yet; empty: it can.
    missing : str
        What learning by itself waits for; empty: nothing.
    """

    count: int
    hindrance: str = ""
    missing: str = ""


class Task(Protocol):
    """What is segmented.

    Attributes
    ----------
    name : str
        ``"nuclei"`` or ``"classes"``, as in projects and models.
    classes : tuple of TissueClass
        Empty where nuclei are numbered.
    layer : str
        Name of the layer.
    keys : mapping
        Each action's key.
    at_once, lines, boxes : frozenset of str
        Tools that act on what is under the pointer, take a dragged line, a box.
    as_found : frozenset of str
        Actions that leave what a model found as it is: they teach it nothing new.
    corrections : mapping
        What the tools do, by name.
    settings : mapping
        Training settings that are usual here.
    enough : int
        New corrections after which learning starts by itself.
    """

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[TissueClass, ...]: ...

    @property
    def layer(self) -> str: ...

    @property
    def keys(self) -> Mapping[str, str]: ...

    @property
    def at_once(self) -> frozenset[str]: ...

    @property
    def lines(self) -> frozenset[str]: ...

    @property
    def boxes(self) -> frozenset[str]: ...

    @property
    def as_found(self) -> frozenset[str]: ...

    @property
    def corrections(self) -> Mapping[str, Correction]: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    @property
    def enough(self) -> int: ...

    def draw_marks(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        corner: tuple[int, int] = (0, 0),
        width: int = 1,
    ) -> NDArray[np.uint8]:
        """Draw the marks of a plane, or of a rectangle of it."""

    def summary(
        self, segmentation: NDArray[np.int32], review: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Draw marks for pictures too small for lines."""

    def painted(
        self,
        recorded: NDArray[np.int32],
        review: NDArray[np.uint8],
        shown: NDArray[np.int32],
        window: Window,
        stroke: NDArray[np.int32] | None,
    ) -> Change | None:
        """Say what a stroke of napari's own tools means.

        Parameters
        ----------
        recorded, review
            The plane before the stroke.
        shown : array of int32
            The layer's plane, with the stroke.
        window : tuple of slice
            Rows and columns that hold the stroke.
        stroke : array of int32, optional
            What was painted in the window, and `NOTHING` elsewhere; None: whatever
            differs.
        """

    def label(
        self, maps: NDArray[np.float32], instances: InstanceConfig, diameter: float
    ) -> NDArray[np.int32]:
        """Make a segmentation of a field's maps."""

    def place(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        labels: NDArray[np.int32],
        core: tuple[int, int, int, int],
        first: int,
    ) -> NDArray[np.int32]:
        """Put a field's proposals where nobody has looked."""

    def progress(self, ledger: Mapping[str, int]) -> Progress:
        """Say what the corrections so far mean for learning."""
