"""The channel with the nuclei is found by its name."""

from __future__ import annotations

import pytest

from unetloop.nuclear_channel import guess_nuclear_channel


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("Actin", "DAPI"), 1),
        (("GFP", "mCherry", "Hoechst 33342"), 2),
        (("ch0_phalloidin", "ch1_nuclei"), 1),
        (("H2B-mCherry", "dapi"), 1),  # the stain before the tagged protein
        (("GFP", "H2B-mCherry"), 1),
        (("membrane", "DRAQ5"), 1),
        (("anti-DNA", "cDNA"), 0),
        (("CD3", "DNA1", "DNA2"), 1),
        (("488", "561", "405"), 2),
        (("488 nm", "405 nm"), 1),
        (("488", "1405"), 0),
        (("GFP", "H2A-mCherry"), 1),
        (("gH2AX-488", "405"), 1),  # where DNA broke, and what is all over it
        (("cDNA", "nucleolin", "GFP"), 0),
        (("0", "1"), 0),
        ((), 0),
    ],
)
def test_names_of_channels_say_which_shows_nuclei(
    names: tuple[str, ...], found: int
) -> None:
    assert guess_nuclear_channel(names) == found


@pytest.mark.parametrize(
    ("names", "colours", "found"),
    [
        (["0", "1", "2"], ["#ff0000", "#00ff00", "#0000ff"], 2),
        (["0", "1"], ["", "#2040ff"], 1),
        (["DAPI", "1"], ["#ff0000", "#0000ff"], 0),  # a name goes before a colour
        (["0", "1"], ["#00ffff", "#ff00ff"], 0),  # neither cyan nor magenta is blue
        (["0"], ["#ff0000", "#0000ff"], 0),
        (["0", "1"], [], 0),
    ],
)
def test_a_blue_channel_is_that_of_the_nuclei(
    names: list[str], colours: list[str], found: int
) -> None:
    assert guess_nuclear_channel(names, colours) == found
