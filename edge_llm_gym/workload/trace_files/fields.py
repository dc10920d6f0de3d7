"""Conversion of the values of one column, texts or numbers, to seconds or token counts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.trace_files.timestamps import TIMESTAMP_CHARACTERS, parse_timestamps

MAX_TIME_S = 1e11
"""Latest time of a numeric clock, either way: the year 5138 in Unix seconds. Milliseconds read as seconds exceed it."""


class Field(NamedTuple):
    """How the values of one column are read."""

    unit: str
    rule: str
    dtype: str
    """How a reader delivers the values: "f8", or "S" and a number of bytes for texts"""
    accepts: Callable[[NDArray], NDArray[np.bool_]]
    """Marks the values that follow the rule"""
    convert: Callable[[NDArray], NDArray]
    """Values in the unit in which they are stored; raises ValueError if one of them cannot be converted"""
    per_second: float = 1.0
    """Stored units of a clock in one second"""

    def parse(self, values: Sequence[object]) -> NDArray:
        """The values in the stored unit [n]; raises ValueError or OverflowError if one of them breaks the rule."""
        if set(map(type, values)) <= {int, float} and self.dtype == "f8":
            return self.checked(np.array(values, np.float64))
        return self.checked(np.array([str(value) for value in values], dtype=self.dtype))

    def checked(self, values: NDArray) -> NDArray:
        """The values in the stored unit [n], from an array of `dtype`; raises ValueError for a broken rule."""
        if not self.accepts(values).all():
            raise ValueError(self.rule)
        return self.convert(values)


def _unchanged(values: NDArray) -> NDArray:
    return values


def _counts(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return values.astype(np.int64)


def _are_counts(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (values >= 0) & (values < 2**53) & (values == np.floor(values))


def _fit_in(values: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    return np.strings.str_len(values) < TIMESTAMP_CHARACTERS


def _clock(unit: str, per_second: float) -> Field:
    largest = MAX_TIME_S * per_second
    rule = f"must be a finite number of {unit}, at most {largest:g}"
    return Field(unit, rule, "f8", lambda values: np.abs(values) <= largest, _unchanged, per_second)


SECONDS = _clock("seconds", 1.0)
MILLISECONDS = _clock("milliseconds", 1e3)
MICROSECONDS = _clock("microseconds", 1e6)
NANOSECONDS = _clock("nanoseconds", 1e9)
WHOLE_MILLISECONDS = MILLISECONDS._replace(
    rule="must be a whole number of milliseconds, as in Mooncake's traces, unless a format is named: 'bailian' for "
    "seconds, 'mooncake' for milliseconds (--format)",
    accepts=lambda values: MILLISECONDS.accepts(values) & (values == np.floor(values)),
)
TIMESTAMP = Field(
    "time of day",
    "must be a time such as 2023-11-16 18:17:03.9799600, in UTC unless it ends with an offset such as +02:00",
    f"S{TIMESTAMP_CHARACTERS}",
    _fit_in,
    parse_timestamps,
    1e9,
)
TOKENS = Field("tokens", "must be a whole number of tokens, 0 or more", "f8", _are_counts, _counts)
