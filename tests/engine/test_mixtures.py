"""What three colours are mixed to, and where an antibody's dye is told from others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unetloop.mixtures import (
    ALL_COLOURS,
    BESIDE_EOSIN,
    BESIDE_RED,
    HAEMATOXYLIN,
    average_colours,
    choose_mixture,
    find_light,
    separate_stain,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Optical densities of red, green and blue (Ruifrok and Johnston 2001; Landini's Colour
# Deconvolution).
BLUE, PINK, BROWN = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78)
BRICK, FAST_RED = (0.27, 0.68, 0.68), (0.21, 0.85, 0.48)
EOSIN = (0.14, 0.90, 0.33)  # halfway from this pink to QuPath's
# Other eosins (Landini's second one, QuPath's), and blood, which takes no red light.
OTHER_PINKS = (0.05, 0.84, 0.54), (0.22, 0.80, 0.56)
BLOOD = (0.05, 0.60, 0.80)
WHITE = np.full(3, 255.0)


def stained(*amounts: tuple[tuple[float, float, float], float]) -> NDArray[np.uint8]:
    """Give (1, 1, 3): the colour of light that went through stains."""
    density = sum(np.array(stain) * amount for stain, amount in amounts)
    return np.round(255 * np.exp(-np.asarray(density))).astype(np.uint8)[None, None]


def slide(*patches: tuple[float, Any]) -> NDArray[np.float32]:
    """Give (pixels, 3): shares of 1,000 pixels by colour, the others white."""
    pixels = np.full((1000, 3), 245, np.float32)
    start = 0
    for share, colour in patches:
        end = start + round(1000 * share)
        pixels[start:end] = np.ravel(colour)
        start = end
    return pixels


def test_all_colours_are_their_mean() -> None:
    pixels = np.array([[[10, 20, 60]]], np.uint8)
    mixed = average_colours(pixels)
    assert mixed.dtype == np.float32
    assert mixed.tolist() == [[[30]]]


DYES = pytest.mark.parametrize(
    ("dye", "mixture"),
    [
        (BROWN, HAEMATOXYLIN),
        (BRICK, BESIDE_RED),
        (FAST_RED, BESIDE_RED),
        (EOSIN, BESIDE_EOSIN),
    ],
)


@DYES
@pytest.mark.parametrize("amount", [0.3, 1.0, 1.8])
def test_haematoxylin_is_found_beneath_any_amount_of_a_dye(
    amount: float, dye: Any, mixture: int
) -> None:
    alone = separate_stain(stained((BLUE, amount)), mixture, WHITE)
    beneath = separate_stain(stained((BLUE, amount), (dye, 1.2)), mixture, WHITE)
    assert alone.shape == (1, 1, 1)
    assert alone.dtype == np.float32
    assert alone.item() == pytest.approx(amount, rel=0.05)
    assert beneath.item() == pytest.approx(amount, abs=0.1)


@DYES
def test_dyes_hold_no_haematoxylin(dye: Any, mixture: int) -> None:
    assert separate_stain(stained((dye, 1.5)), mixture, WHITE).item() < 0.08


@pytest.mark.parametrize("dye", [PINK, *OTHER_PINKS])
def test_any_eosin_counts_for_little_haematoxylin(dye: Any) -> None:
    beside = separate_stain(stained((dye, 1.0)), BESIDE_EOSIN, WHITE).item()
    nucleus = separate_stain(
        stained((BLUE, 1.0), (dye, 0.5)), BESIDE_EOSIN, WHITE
    ).item()
    assert beside < 0.2
    assert nucleus == pytest.approx(1, abs=0.1)


def test_white_and_yellow_hold_no_haematoxylin() -> None:
    white = np.full((1, 1, 3), 255, np.uint8)
    assert separate_stain(white, HAEMATOXYLIN, WHITE).item() == 0
    # Less than none: what is yellow takes blue light away alone.
    yellow = np.array([[[255, 255, 20]]], np.uint8)
    assert separate_stain(yellow, HAEMATOXYLIN, WHITE).item() == 0


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_white_is_that_of_the_image(dtype: Any) -> None:
    share = stained((BLUE, 1.0)) / 255
    lamp = np.array([900, 700, 400])  # yellowish
    found = separate_stain((share * lamp).astype(dtype), HAEMATOXYLIN, lamp * 1.0)
    assert found.item() == pytest.approx(1, rel=0.05)


def test_the_white_is_what_nearly_nothing_is_brighter_than() -> None:
    pixels = np.tile([[200.0, 180, 90]], (1000, 1))
    pixels[:300] /= 2
    pixels[300:305] = 255  # glints
    light = find_light(pixels)
    assert light.white.tolist() == [200, 180, 90]
    assert light.frame < 0
    assert find_light(np.zeros((0, 3))).white.tolist() == [1, 1, 1]
    assert light.without_frame(pixels) is pixels


def test_a_black_frame_around_a_slide_is_none_of_it() -> None:
    blue, brown = (stained((stain, 1.0)) for stain in (BLUE, BROWN))
    pixels = slide((0.5, np.array([3, 0, 5])), (0.1, brown), (0.1, blue))
    assert choose_mixture(pixels) == HAEMATOXYLIN
    light = find_light(pixels)
    seen = light.without_frame(pixels.astype(np.uint8))
    assert (seen[:500] == 245).all()
    assert (seen[500:] == pixels[500:]).all()


def test_a_dark_background_is_no_frame() -> None:
    dark = np.random.default_rng(0).exponential(40, (5000, 1)) * [1.0, 0.8, 0.6]
    assert find_light(dark).frame < 0
    saturated = np.repeat([0.0, 255.0], [800, 200])[:, None] * np.ones(3)
    assert find_light(saturated).frame < 0


def test_a_colour_that_is_nowhere_is_no_error() -> None:
    pixels = np.full((2, 2, 3), 90, np.uint8)
    pixels[..., 2] = 0
    white = np.array([90.0, 90, 0])
    assert np.isfinite(separate_stain(pixels, HAEMATOXYLIN, white)).all()


def test_where_brown_is_everywhere_little_blue_is_enough() -> None:
    blue, brown = (stained((stain, 1.0)) for stain in (BLUE, BROWN))
    assert choose_mixture(slide((0.8, brown), (0.02, blue))) == HAEMATOXYLIN
    assert choose_mixture(slide((0.8, brown), (0.005, blue))) == ALL_COLOURS


def test_black_is_a_number() -> None:
    assert np.isfinite(
        separate_stain(np.zeros((2, 2, 3), np.uint8), HAEMATOXYLIN, WHITE)
    ).all()


@pytest.mark.parametrize(
    ("dye", "mixture"), [(BROWN, HAEMATOXYLIN), (BRICK, BESIDE_RED)]
)
def test_brown_or_brick_red_beside_blue_is_an_antibody(dye: Any, mixture: int) -> None:
    blue, dyed = stained((BLUE, 1.0)), stained((dye, 1.0))
    assert choose_mixture(slide((0.2, blue), (0.1, dyed))) == mixture
    amounts = [(0.28, stained((dye, amount))) for amount in (0.4, 1.0, 1.6)]
    assert choose_mixture(slide((0.1, blue), *amounts)) == mixture
    # In the light of an old lamp.
    lamp = (0.95, 0.88, 0.75)
    assert choose_mixture(slide((0.2, blue), (0.2, dyed)) * lamp) == mixture


def test_other_stains_are_not() -> None:
    blue, brown = (stained((stain, 1.0)) for stain in (BLUE, BROWN))
    assert choose_mixture(slide((0.2, blue))) == ALL_COLOURS
    crumb = slide((0.3, blue), (0.01, brown))
    assert choose_mixture(crumb) == ALL_COLOURS
    hardly_any = slide((0.004, blue), (0.004, brown))
    assert choose_mixture(hardly_any) == ALL_COLOURS
    no_nuclei = slide((0.5, brown))
    assert choose_mixture(no_nuclei) == ALL_COLOURS


def test_nuclei_that_are_brown_themselves_are_seen_in_all_colours() -> None:
    blue, both = stained((BLUE, 1.0)), stained((BLUE, 0.6), (BROWN, 1.0))
    assert choose_mixture(slide((0.2, blue), (0.3, both))) == ALL_COLOURS


@pytest.mark.parametrize("dye", [PINK, *OTHER_PINKS])
def test_haematoxylin_is_seen_beside_eosin(dye: Any) -> None:
    blue, pink = stained((BLUE, 1.0)), stained((dye, 0.6))
    both = stained((BLUE, 0.7), (dye, 0.5))
    assert choose_mixture(slide((0.2, blue), (0.4, pink))) == BESIDE_EOSIN
    assert choose_mixture(slide((0.1, blue), (0.6, pink), (0.1, both))) == BESIDE_EOSIN
    lamp = (0.95, 0.88, 0.75)
    assert choose_mixture(slide((0.2, blue), (0.4, pink)) * lamp) == BESIDE_EOSIN
    no_nuclei = slide((0.4, pink))
    assert choose_mixture(no_nuclei) == ALL_COLOURS
    hardly_any = slide((0.3, blue), (0.01, pink))
    assert choose_mixture(hardly_any) == ALL_COLOURS
    assert choose_mixture(np.broadcast_to(np.ravel(both), (9, 3))) == ALL_COLOURS


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_pixels_are_no_trouble(count: int) -> None:
    colours = [[220, 120, 180], [90, 60, 150], [80, 50, 140]]
    assert choose_mixture(np.array(colours[:count], np.float32).reshape(-1, 3)) in (
        ALL_COLOURS,
        BESIDE_EOSIN,
    )
    assert choose_mixture(np.full((count, 3), 7, np.float32)) == ALL_COLOURS


def test_purple_on_lavender_is_seen_in_all_colours() -> None:
    """There nuclei are the pinker, the darker they are."""
    lavender, pale, dark = [185, 168, 210], [160, 130, 195], [90, 40, 170]
    pixels = slide((0.3, pale), (0.2, dark))
    pixels[500:] = lavender
    assert choose_mixture(pixels) == ALL_COLOURS


def test_blood_is_no_antibody() -> None:
    blue, blood = stained((BLUE, 1.0)), stained((BLOOD, 1.0))
    chosen = choose_mixture(slide((0.2, blue), (0.4, blood)))
    assert chosen not in (HAEMATOXYLIN, BESIDE_RED)


def test_an_overlay_of_stains_that_glow_everywhere_is_not_under_a_lamp() -> None:
    rng = np.random.default_rng(0)
    red, green = rng.uniform(60, 250, (2, 1000))
    blue = np.where(rng.random(1000) < 0.3, 240, 20)
    glow = 1 - 0.7 * (blue > 100)
    for colours in ((red, green, blue), (red * glow, green * glow, blue)):
        assert choose_mixture(np.stack(colours, -1).astype(np.float32)) == ALL_COLOURS


def test_a_dark_image_is_not_under_a_lamp() -> None:
    blue, brown = stained((BLUE, 1.0)), stained((BROWN, 1.0))
    pixels = slide((0.2, blue), (0.2, brown), (0.03, [245] * 3), (0.57, [0] * 3))
    assert choose_mixture(pixels) == ALL_COLOURS
    assert choose_mixture(slide((0.2, blue), (0.2, brown))) == HAEMATOXYLIN


def test_nothing_is_not_stained() -> None:
    assert choose_mixture(np.empty((0, 3), np.float32)) == ALL_COLOURS
    assert choose_mixture(np.zeros((10, 3), np.float32)) == ALL_COLOURS
    assert choose_mixture(np.full((10, 3), 255, np.float32)) == ALL_COLOURS
