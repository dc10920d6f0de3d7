"""Parses many timestamps at once, such as 2023-11-16 18:17:03.9799600+02:00, as arrays of characters."""

import numpy as np
from numpy.typing import NDArray

TIMESTAMP_CHARACTERS = 36
"""Room for a timestamp: 19 characters to the second, a point, 9 digits, an offset of 6, one that must stay empty."""

_SECOND_END = 19
_FRACTION_DIGITS = 9
_SUFFIX_CHARACTERS = 7
_DIGITS = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
_SEPARATORS = {4: "-", 7: "-", 10: " T", 13: ":", 16: ":"}
_CENTURIES = (b"19", b"20")
_NS_PER_MINUTE = 60 * 10**9


def parse_timestamps(texts: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Nanoseconds since 1970 in UTC, int64 [n], of texts [n] of `TIMESTAMP_CHARACTERS` bytes at most.

    Up to 9 digits follow the second; the text may end with Z or an offset such as +02:00 or +0200, else it is in UTC.
    Raises ValueError if a text has another form or names a time that does not exist.
    """
    characters = np.ascontiguousarray(texts.astype(f"S{TIMESTAMP_CHARACTERS + _SUFFIX_CHARACTERS}"))
    grid = characters.view(np.uint8).reshape(texts.size, -1)
    _require(_has_form(grid))
    whole = np.ascontiguousarray(grid[:, :_SECOND_END]).view(f"S{_SECOND_END}").ravel().astype("datetime64[s]")
    fraction_ns, end = _fraction(grid)
    return whole.astype(np.int64) * 10**9 + fraction_ns - _offset_ns(grid, end)


def _require(accepted: NDArray[np.bool_]) -> None:
    if not accepted.all():
        raise ValueError("not a timestamp")


def _are_digits(grid: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (grid >= ord("0")) & (grid <= ord("9"))


def _has_form(grid: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the characters up to the second are digits and separators, and the year is 19xx or 20xx."""
    accepted = _are_digits(grid[:, _DIGITS]).all(axis=1)
    for column, allowed in _SEPARATORS.items():
        accepted &= np.isin(grid[:, column], [ord(each) for each in allowed])
    century = np.ascontiguousarray(grid[:, :2]).view("S2").ravel()
    return accepted & np.isin(century, _CENTURIES)


def _fraction(grid: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nanoseconds after the whole second, and the column behind the last digit."""
    after_point = grid[:, _SECOND_END + 1 : _SECOND_END + 1 + _FRACTION_DIGITS]
    has_point = grid[:, _SECOND_END] == ord(".")
    is_digit = np.logical_and.accumulate(_are_digits(after_point) & has_point[:, None], axis=1)
    digits = is_digit.sum(axis=1)
    _require(~has_point | (digits > 0))
    place_values = 10 ** np.arange(_FRACTION_DIGITS - 1, -1, -1, dtype=np.int64)
    nanoseconds = np.where(is_digit, after_point.astype(np.int64) - ord("0"), 0) @ place_values
    return nanoseconds, _SECOND_END + digits + has_point


def _offset_ns(grid: NDArray[np.uint8], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Offset from UTC of each row, whose suffix starts at column `end`."""
    rest = np.take_along_axis(grid, end[:, None] + np.arange(_SUFFIX_CHARACTERS), axis=1)
    suffixes, inverse = np.unique(
        np.ascontiguousarray(rest).view(f"S{_SUFFIX_CHARACTERS}").ravel(), return_inverse=True
    )
    minutes = np.array([_offset_minutes(suffix.decode("latin-1")) for suffix in suffixes], np.int64)
    return minutes[inverse] * _NS_PER_MINUTE


def _offset_minutes(suffix: str) -> int:
    if suffix in ("", "Z"):
        return 0
    hours, minutes = suffix[1:3], suffix[3:].removeprefix(":")
    if suffix[0] not in "+-" or not (len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()):
        raise ValueError(f"not an offset from UTC: {suffix!r}")
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(f"not an offset from UTC: {suffix!r}")
    return (-1 if suffix[0] == "-" else 1) * (60 * int(hours) + int(minutes))
