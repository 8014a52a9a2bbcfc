"""What every format needs to know of the image whose nuclei are written."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.image_planes import Image

    Labels = NDArray[np.int32]

__all__ = ["ExportedImage", "Place", "failures_named"]


def _go_on() -> None:
    """Nothing is in the way."""


@dataclass(frozen=True)
class Place:
    """Where a plane is in its image: time point and slice, from 0."""

    time: int
    slice: int


@dataclass(frozen=True)
class ExportedImage:
    """An image, as far as the formats that nuclei are written in need it.

    Parameters
    ----------
    name : str
        File name, or path below the folder that was worked on, with ``/``.
    times, slices, channels : int
        Sizes of these axes; plane ``p`` is time ``p // slices``, slice
        ``p % slices``.
    axes : str
        Axes in front of the rows, of T and Z: those that the image has.
    pixel_size : tuple of float, optional
        Height and width of a pixel in µm.
    spacing : float, optional
        From one slice to the next, in µm.
    rgb : bool
        Whether the pixels are red, green and blue.
    read : callable, optional
        ``read(plane, (r0, c0, r1, c1))`` gives pixels, (rows, columns) or (rows,
        columns, channels), of which the first is shown, or all three of RGB.
    measurements : sequence of mapping of str to array, optional
        Of each plane, from `measurements.measure_plane`.
    probabilities : array of float32, optional
        (planes, classes, rows, columns), of a model of classes.
    class_names, class_colors : tuple of str
        Its classes, from number 1, and their colours as ``#rrggbb``; empty: nuclei.
    between : callable
        Called between two nuclei or strips of pixels. What it raises breaks the
        writing off, and leaves the file as it was.
    """

    name: str
    times: int = 1
    slices: int = 1
    channels: int = 1
    axes: str = ""
    pixel_size: tuple[float, float] | None = None
    spacing: float | None = None
    rgb: bool = False
    read: Callable[[int, Box], NDArray[Any]] | None = None
    measurements: Sequence[Mapping[str, NDArray[Any]]] | None = None
    probabilities: NDArray[np.float32] | None = None
    class_names: tuple[str, ...] = ()
    class_colors: tuple[str, ...] = ()
    between: Callable[[], None] = _go_on

    @classmethod
    def of(
        cls,
        image: Image,
        name: str,
        channels: Sequence[int] = (0,),
        measurements: Sequence[Mapping[str, NDArray[Any]]] | None = None,
        between: Callable[[], None] = _go_on,
    ) -> Self:
        """Describe an open image; it must stay open.

        Parameters
        ----------
        image : Image
            What the nuclei were found in.
        name : str
            As above.
        channels : sequence of int
            The channel to show; -1 is the mean of colours, shown in colour.
        measurements : sequence of mapping, optional
            As above.
        between : callable
            As above.
        """
        info = image.info
        shown = (0, 1, 2) if info.rgb else (max(channels[0], 0),)
        if info.rgb and info.channels < 3:
            shown = (0,)

        def read(plane: int, box: Box) -> NDArray[Any]:
            return image.read_plane(plane, shown, box)

        return cls(
            name=name,
            times=info.size("T"),
            slices=info.size("Z"),
            channels=1 if info.rgb else info.channels,
            axes="".join(axis for axis in "TZ" if axis in info.axes),
            pixel_size=info.pixel_size,
            spacing=info.spacing,
            rgb=len(shown) == 3,
            read=read,
            measurements=measurements,
            between=between,
        )

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.times * self.slices

    def place(self, plane: int) -> Place:
        """Find where a plane is."""
        return Place(*divmod(plane, self.slices))

    def plane_name(self, plane: int) -> str:
        """Name a plane, counting from 1: ``t2-z5``; nothing if it is the only one."""
        place = self.place(plane)
        parts = [f"t{place.time + 1}"] if self.times > 1 else []
        return "-".join(parts + ([f"z{place.slice + 1}"] if self.slices > 1 else []))

    def check(self, planes: Labels) -> None:
        """See that labels are (planes, rows, columns) of this image.

        Raises
        ------
        EngineError
            If not.
        """
        if planes.ndim != 3 or len(planes) != self.planes:
            raise EngineError(
                f"Nuclei of {self.planes} planes were expected: "
                "(planes, rows, columns).",
                image=self.name,
                shape=planes.shape,
            )


@contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into an `EngineError` that names the file."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"The file could not be written ({error.strerror or error}).",
            todo="Free some space or choose another folder; if the file is open in "
            "another program, close it there.",
            path=str(path),
        ) from error
