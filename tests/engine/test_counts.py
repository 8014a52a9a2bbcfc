from __future__ import annotations

import pytest

from unetloop.counts import counted


@pytest.mark.parametrize(
    ("number", "names", "written"),
    [
        (1, ("nucleus", "nuclei"), "1 nucleus"),
        (0, ("nucleus", "nuclei"), "0 nuclei"),
        (1, ("image",), "1 image"),
        (12000, ("image",), "12,000 images"),
    ],
)
def test_numbers_of_things_are_as_people_write_them(
    number: int, names: tuple[str, ...], written: str
) -> None:
    assert counted(number, *names) == written
