from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from unetloop.packing import pack, unpack


def _half() -> np.ndarray:
    values = np.zeros((700, 900), np.uint8)
    values[300:, 100:] = 1
    return values


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((0, 5), np.int32),
        np.ones((3, 4), np.uint8),
        np.full((1000, 1001), 70_000, np.int32),
        _half(),
        _half().T,
        np.random.default_rng(0).integers(0, 1 << 30, (513, 511), np.int32),
    ],
)
def test_what_is_packed_is_a_zlib_stream_of_the_pixels(values: np.ndarray) -> None:
    with ThreadPoolExecutor(2) as threads:
        for packed in (pack(values), pack(values, threads)):
            assert zlib.decompress(packed) == values.tobytes()
            assert np.array_equal(unpack(packed, values.dtype, values.shape), values)


def test_one_value_takes_little_room() -> None:
    assert len(pack(np.ones((4000, 4000), np.uint8))) < 100_000


def test_a_part_that_is_missing_is_noticed() -> None:
    packed = pack(_half())
    with pytest.raises(zlib.error):
        unpack(packed[:-5], np.dtype(np.uint8), (700, 900))
    with pytest.raises(ValueError, match="reshape"):
        unpack(packed, np.dtype(np.uint8), (700, 901))
