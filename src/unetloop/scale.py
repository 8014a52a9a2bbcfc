"""What a model needs to know of itself to look at an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.config import InstanceConfig, from_dict, to_dict
from unetloop.errors import EngineError
from unetloop.tasks import NUCLEI, class_zoom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unetloop.checkpoint import Model
    from unetloop.config import NormalizationConfig
    from unetloop.tasks import Task

__all__ = ["Scale"]


@dataclass(frozen=True)
class Scale:
    """What a model needs to know of itself to look at an image.

    Parameters
    ----------
    diameter : float
        Nucleus diameter at the model's scale, in pixels.
    normalization : NormalizationConfig
        How intensities are normalised.
    instances : InstanceConfig
        How maps become nuclei.
    task : Task
        What the model is for. One of classes knows no nuclei: its diameter says
        nothing, and `estimate_diameter` gives what resizes by the pixel size.
    pixel_size : float or None
        Side of a pixel at the scale of a model of classes, in µm.
    own : InstanceConfig or None
        How the model itself makes nuclei, where ``instances`` is what somebody
        chose instead; see `with_instances`.
    """

    diameter: float
    normalization: NormalizationConfig
    instances: InstanceConfig
    task: Task = NUCLEI
    pixel_size: float | None = None
    own: InstanceConfig | None = None

    @classmethod
    def of(cls, model: Model) -> Scale:
        """Take them from an opened model."""
        return cls(
            model.diameter,
            model.normalization,
            model.instances,
            model.task,
            model.card.pixel_size,
        )

    def describe(self) -> dict[str, Any]:
        """Give what results depend on, as plain values."""
        known = to_dict(self)
        if not self.task.classes:  # as before there were classes
            del known["task"], known["pixel_size"]
        if self.own is None:  # as before they could be chosen
            del known["own"]
        return known

    def with_instances(self, changes: Mapping[str, Any]) -> Scale:
        """Make nuclei in another way than the model's.

        Parameters
        ----------
        changes : mapping
            Fields of `InstanceConfig` and their values; those that are missing
            stay.

        Returns
        -------
        Scale
            This one, where nothing differs.

        Raises
        ------
        EngineError
            If a name is unknown, a value out of range, or the model is of classes.
        """
        if not changes:
            return self
        if self.task.classes:
            raise EngineError(
                "A model of classes finds no nuclei: it has no such settings.",
                todo="Leave them out.",
                settings=", ".join(sorted(changes)),
            )
        own = self.own or self.instances
        chosen = from_dict(InstanceConfig, {**to_dict(own), **changes})
        return replace(self, instances=chosen, own=None if chosen == own else own)

    def as_learned(self) -> Scale:
        """Make nuclei as the model says, whatever was chosen."""
        return replace(self, instances=self.own or self.instances, own=None)

    def class_diameter(self, pixel_size: tuple[float, float] | None) -> float:
        """Say for a model of classes which diameter resizes an image rightly.

        Parameters
        ----------
        pixel_size : tuple of float or None
            Height and width of the image's pixels in µm.
        """
        side = None if pixel_size is None else float(np.sqrt(np.prod(pixel_size)))
        return self.diameter / class_zoom(side, self.pixel_size)
