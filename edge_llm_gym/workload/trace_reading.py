"""Reads traces and token counts from files, each once per process."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.trace_files import TraceColumns, TraceError, read_columns
from edge_llm_gym.workload.trace_source import Bound, TraceSource, as_source, bound_ns
from edge_llm_gym.workload.traces import RecordedLengths, Trace, sealed

PACKED = (".gz", ".bz2", ".xz", ".zip")
CACHED_TRACES = 4
"""Traces kept in memory, at 24 bytes a request."""


class _Rows(NamedTuple):
    """The columns of n requests, in order of time."""

    arrival_s: NDArray[np.float64]
    prompt_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]

    def taken(self, index: NDArray[np.int64] | slice) -> "_Rows":
        """Copies of some of the rows."""
        return _Rows(self.arrival_s[index].copy(), self.prompt_tokens[index].copy(), self.output_tokens[index].copy())


def read_trace(source: str | Path | TraceSource, format: str | None = None) -> Trace:
    """Reads a trace file in one of the formats of `trace_files.FORMATS`, by default detected from its columns.

    Requests with 0 prompt or output tokens are dropped, rows are sorted by time, ties in the order of the file,
    requests outside the window are left out, and the clock starts at 0 with the first arrival. The notes state how many
    rows each step changed. A file that has not changed is read once per process: its trace is shared, as its arrays are
    read-only.

    Raises TraceError, a ValueError, for a file or row that violates the format, for a format without arrival times, and
    for an empty window; ValueError for an unknown format; OSError for a file that cannot be opened.
    """
    trace = read_requests(source, format)
    if isinstance(trace, RecordedLengths):
        raise TraceError(
            f"{as_source(source).path}: a trace needs arrival times, got token counts only; use the file as lengths of "
            "kind 'trace' under another arrival process, or name the column of the arrivals, as in --columns "
            "arrival_s=time"
        )
    return trace


def read_requests(source: str | Path | TraceSource, format: str | None = None) -> Trace | RecordedLengths:
    """As `read_trace`, but a file of a format without arrival times gives its token counts."""
    chosen = as_source(source, format)
    status = chosen.path.stat()
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _read(replace(chosen, file=str(chosen.path.absolute())), state)


@lru_cache(maxsize=CACHED_TRACES)
def _read(source: TraceSource, state: tuple[int, ...]) -> Trace | RecordedLengths:
    """The requests of a source, whose file has the state; a file that was changed has another one."""
    columns = read_columns(source.path, source.choice)
    notes = [columns.note] if columns.note else []
    if columns.dropped:
        notes.append(f"dropped {columns.dropped} requests with 0 prompt or output tokens")
    return _lengths(source, columns, notes) if columns.arrival_s is None else _trace(source, columns, notes)


def _trace(source: TraceSource, columns: TraceColumns, notes: list[str]) -> Trace:
    assert columns.arrival_s is not None
    rows = _Rows(columns.arrival_s, columns.prompt_tokens, columns.output_tokens)
    if late := int(np.count_nonzero(rows.arrival_s[1:] < rows.arrival_s[:-1])):
        notes = [*notes, f"sorted by time: {late} rows preceded the row before them"]
        rows = rows.taken(np.argsort(rows.arrival_s, kind="stable"))
    if source.windowed:
        inside, note = _window(source, rows.arrival_s, columns.midnight)
        notes, rows = [*notes, note], rows.taken(inside)
    rows.arrival_s[:] -= rows.arrival_s[0]
    arrival_s, prompt, output = map(sealed, rows)
    return Trace(_name(source.path), arrival_s, prompt, output, tuple(notes))


def _lengths(source: TraceSource, columns: TraceColumns, notes: list[str]) -> RecordedLengths:
    if source.windowed:
        raise TraceError(f"{source.path}: a window needs arrival times, got token counts only; leave the window out")
    prompt, output = sealed(columns.prompt_tokens), sealed(columns.output_tokens)
    return RecordedLengths(_name(source.path), prompt, output, tuple(notes))


def _name(path: Path) -> str:
    """The name of the file without its endings, of which packed files have two."""
    return Path(path.stem).stem if path.suffix in PACKED else path.stem


def _window(source: TraceSource, arrival_s: NDArray[np.float64], midnight: np.datetime64 | None) -> tuple[slice, str]:
    """The rows of the sorted arrivals that lie in the window, and a note on them."""
    ends = {"from": (source.window_from, 0), "until": (source.window_until, arrival_s.size)}
    first, last = (
        default if bound is None else int(np.searchsorted(arrival_s, _on_clock(source, bound, arrival_s[0], midnight)))
        for bound, default in ends.values()
    )
    words = " ".join(f"{word} {_shown(bound)}" for word, (bound, _) in ends.items() if bound is not None)
    if first >= last:
        span_s = arrival_s[-1] - arrival_s[0]
        raise TraceError(
            f"{source.path}: a window must hold at least one request, got none {words}; the trace spans {span_s:.6g} s"
        )
    return slice(first, last), f"window {words}: {last - first} of {arrival_s.size} requests"


def _shown(bound: Bound) -> str:
    return bound if isinstance(bound, str) else f"{bound:g} s"


def _on_clock(source: TraceSource, bound: Bound, first_s: float, midnight: np.datetime64 | None) -> float:
    """A bound in seconds of the file's clock."""
    if not isinstance(bound, str):
        return float(first_s + bound)
    if midnight is None:
        raise TraceError(
            f"{source.path}: the clock of this file has no date, got a window bounded by {bound!r}; give seconds from "
            "the first request"
        )
    return (bound_ns(bound) - int(midnight.astype(np.int64))) / 1e9
