"""What microscopes, cameras and file formats do to a patch, at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.config import AugmentationConfig

__all__ = ["vary_appearance"]

# Largest sigma of the blur that makes white noise coarse, in pixels.
_GRAIN = 1.5
# How often a patch has stripes, or was compressed.
_RARELY = 0.15
# JPEG's blocks have 8 pixels of the image, and a patch is seen at the scale of its
# nuclei. Its steps at quality 50 grow along the frequencies, about so (ITU T.81, K.1).
_BLOCK, _BLOCKS = 8, (5, 20)
_STEP, _STEP_GROWTH, _LEVELS = 12, 11, 255


def vary_appearance(
    image: NDArray[np.float32], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Vary tones, texture, blur, noise, stripes and compression.

    Parameters
    ----------
    image : array of float32
        (rows, columns, channels), intensities of about 0 to 1.
    config : AugmentationConfig
        How far; what is 0 takes no chance from ``rng``.
    rng : numpy.random.Generator
        Source of all chance.

    Returns
    -------
    array of float32
        As ``image``.
    """
    strength = config.intensity
    if strength:
        gamma = np.exp(rng.uniform(-0.5, 0.5) * strength)
        contrast = np.exp(rng.uniform(-0.4, 0.4) * strength)
        shift = rng.uniform(-0.1, 0.1) * strength
        image = np.sign(image) * np.abs(image) ** np.float32(gamma)
        image = image * np.float32(contrast) + np.float32(shift)
    if config.texture and rng.random() < 0.5:
        amplitude = np.float32(rng.uniform(0, config.texture))
        image = image + amplitude * _make_texture(image.shape, rng)
    if config.blur and rng.random() < 0.3:
        sigma = rng.uniform(0, config.blur)
        image = ndimage.gaussian_filter(image, (sigma, sigma, 0))
    if config.noise and rng.random() < 0.5:
        deviation = np.float32(rng.uniform(0, config.noise))
        noise = deviation * _make_grain(image.shape, rng)
        if rng.random() < 0.5:  # of photons: the brighter, the more
            noise *= np.sqrt(np.clip(image, 0, 1))
        image = image + noise
    if config.stripes and rng.random() < _RARELY:
        image = image + _make_stripes(image.shape[:2], config.stripes, rng)
    if config.compression and rng.random() < _RARELY:
        image = _compress(image, config.compression, rng)
    return image


def _make_grain(
    shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Make noise with mean 0 and deviation 1, of one to some pixels' grain.

    A camera's noise is white, but a patch is seen at the scale of its nuclei: where
    they are small the image was enlarged, and its noise with it.
    """
    noise = rng.standard_normal(shape, np.float32)
    sigma = rng.uniform(-_GRAIN, _GRAIN)
    if sigma > 0:
        noise = ndimage.gaussian_filter(noise, (sigma, sigma, 0), mode="wrap")
        noise /= noise.std()
    return noise


def _make_texture(
    shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Make coloured noise, each channel its own, with mean 0 and deviation 1.

    Its power falls with the frequency as ``f ** -slope``, as that of natural images
    does (slope 2; Field 1987, J. Opt. Soc. Am. A 4, 2379-2394); slopes from fine
    grain to clouds are drawn. To a network that saw fluorescence only, it is what
    tissue has behind its nuclei.
    """
    rows, columns, channels = shape
    power = np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.rfftfreq(columns) ** 2
    power[0, 0] = np.inf  # no offset
    amplitude = power ** (-rng.uniform(0.5, 3.5) / 4)
    # White noise is white in the spectrum, too.
    size = (2, channels, *amplitude.shape)
    real, imaginary = rng.standard_normal(size, np.float32) * amplitude
    texture = np.fft.irfft2(real + 1j * imaginary, (rows, columns))
    texture /= texture.std(axis=(1, 2), keepdims=True)
    return np.moveaxis(texture, 0, -1).astype(np.float32)


def _make_stripes(
    shape: tuple[int, int], largest: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Make lines that are brighter and darker, as scanners and cameras leave them.

    Waves of 3 to 50 pixels, or noise from line to line; along rows or columns.
    """
    along = int(rng.integers(2))
    count = shape[along]
    if rng.random() < 0.5:
        period = np.exp(rng.uniform(np.log(3), np.log(50)))
        phase = rng.uniform(0, 2 * np.pi)
        lines = np.sqrt(2) * np.sin(2 * np.pi * np.arange(count) / period + phase)
    else:
        lines = rng.standard_normal(count)
        lines = ndimage.gaussian_filter1d(lines, rng.uniform(0.01, 3), mode="wrap")
        lines /= lines.std()
    lines *= rng.uniform(0, largest)
    side = (-1, 1, 1) if along == 0 else (1, -1, 1)
    return np.asarray(lines.reshape(side), np.float32)


def _compress(
    image: NDArray[np.float32], strongest: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Round what each block has of each frequency, as JPEG does, channel by channel."""
    rows, columns, channels = image.shape
    side = int(rng.integers(*_BLOCKS))
    padding = (0, -rows % side), (0, -columns % side), (0, 0)
    padded = np.pad(image, padding, mode="edge")
    count = padded.shape[0] // side, padded.shape[1] // side
    blocks = padded.reshape(count[0], side, count[1], side, channels)
    scale = side / _BLOCK
    frequencies = np.arange(side) / scale
    steps = _STEP + _STEP_GROWTH * (frequencies[:, None] + frequencies)
    strength = strongest * 10 ** -rng.uniform(0, 1)
    steps = (strength * scale / _LEVELS * steps).astype(np.float32)
    steps = steps[:, None, :, None]
    waves = np.round(fft.dctn(blocks, axes=(1, 3), norm="ortho") / steps) * steps
    back = fft.idctn(waves, axes=(1, 3), norm="ortho").reshape(padded.shape)
    return np.asarray(back[:rows, :columns], np.float32)
