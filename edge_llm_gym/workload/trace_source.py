"""Which requests of which file make up a trace: the settings that scenarios and commands share."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from edge_llm_gym.names import known_name
from edge_llm_gym.workload.trace_files import FORMATS, MAPPING_KEYS, Choice, parse_timestamps

Bound = float | str
"""A time of a trace: seconds from its first request, or a date and time, in UTC unless it ends with an offset."""


@dataclass(frozen=True)
class TraceSource:
    """A trace file, how it is read, and the time window of which requests are taken.

    `columns` are pairs of a key, one of `MAPPING_KEYS`, and the name of a column in the file. Raises ValueError for
    unknown names, and for a window that ends before it begins.
    """

    file: str
    format: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    window_from: Bound | None = None
    """First time taken; from the first request by default"""
    window_until: Bound | None = None
    """First time that is no longer taken; to the last request by default"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _pairs(self.columns))
        if self.format is not None:
            known_name("trace format", self.format, FORMATS)
        for key, _ in self.columns:
            known_name("key of a trace column", key, MAPPING_KEYS)
        check_window(self.window_from, self.window_until)

    @property
    def path(self) -> Path:
        """The file as a path."""
        return Path(self.file)

    @property
    def choice(self) -> Choice:
        """Format and columns."""
        return Choice(self.format, dict(self.columns))

    @property
    def windowed(self) -> bool:
        """Whether a bound of the window is set."""
        return self.window_from is not None or self.window_until is not None

    def settings(self) -> dict[str, Any]:
        """The fields that are set, as keys of a scenario's `arrivals` or `lengths`."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        given["columns"] = dict(self.columns) or None
        return {key: value for key, value in given.items() if value is not None}


def _pairs(columns: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> tuple[tuple[str, str], ...]:
    return tuple(dict(columns or ()).items())


def as_source(source: "str | Path | TraceSource", format: str | None = None) -> TraceSource:
    """The source itself, or that of a whole file."""
    return source if isinstance(source, TraceSource) else TraceSource(str(source), format)


def parse_columns(text: str) -> dict[str, str]:
    """The mapping in "arrival_s=ts,prompt_tokens=input". Raises ValueError for another form."""
    pairs = [part.partition("=") for part in text.split(",")]
    for key, equals, name in pairs:
        if not (key.strip() and equals and name.strip()):
            raise ValueError(f"columns must be key=name pairs, as in arrival_s=ts,prompt_tokens=input, got {text!r}")
    return {key.strip(): name.strip() for key, _, name in pairs}


def parse_bound(text: str) -> Bound:
    """Seconds if the text is a number, else the text itself, which must be a date and time."""
    try:
        return float(text)
    except ValueError:
        return text


def bound_ns(bound: str) -> int:
    """Nanoseconds since 1970 of a date and time. Raises ValueError for another form."""
    try:
        return int(parse_timestamps(np.array([bound.strip()], dtype="S"))[0])
    except ValueError:
        raise ValueError(
            "a window must be bounded by seconds from the first request or a time such as 2023-11-16 18:17:03, "
            f"got {bound!r:.60}"
        ) from None


def check_window(start: Bound | None, until: Bound | None) -> None:
    """Raises ValueError for a bound that is no time, and for a window that ends before it begins."""
    for bound in (start, until):
        if isinstance(bound, str):
            bound_ns(bound)
        elif bound is not None and not (math.isfinite(bound) and bound >= 0):
            raise ValueError(f"a bound of a window must be a finite number of seconds, 0 or more, got {bound!r}")
    if start is None or until is None or isinstance(start, str) != isinstance(until, str):
        return
    order = (bound_ns(start), bound_ns(until)) if isinstance(start, str) and isinstance(until, str) else (start, until)
    if not order[0] < order[1]:  # type: ignore[operator]
        raise ValueError(f"a window must end after it begins, got from {start!r} until {until!r}")
