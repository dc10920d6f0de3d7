"""The public trace formats: column names, clocks, and the columns that tell one format from another."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from edge_llm_gym.workload.trace_files import nested
from edge_llm_gym.workload.trace_files.fields import (
    MICROSECONDS,
    MILLISECONDS,
    NANOSECONDS,
    SECONDS,
    TIMESTAMP,
    TOKENS,
    WHOLE_MILLISECONDS,
    Field,
)

Record = Mapping[str, object]


class TraceFormat(NamedTuple):
    """The columns of one format; columns beyond these are ignored. CSV, TSV and JSON files may have any flat format."""

    arrival: str | None
    """Column of the arrival times; None if the format has token counts only"""
    prompt: str
    output: str
    clock: Field = SECONDS
    marks: tuple[str, ...] = ()
    """Further columns that a file must have for the format to be detected"""
    foreign: tuple[str, ...] = ()
    """Columns of similar formats: a file that has one of them is not detected as this format"""
    detected_clock: Field | None = None
    """Stricter rule of the clock where the format was detected, not named"""
    rows: Callable[[Record], Iterable[tuple[object, ...]]] | None = None
    """Nested formats: the rows in a JSON record, as values of `columns`; `marks` are the keys of the record"""
    note: str = ""
    """Remark on what the values are"""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the arrival (if any), prompt and output columns."""
        return (self.prompt, self.output) if self.arrival is None else (self.arrival, self.prompt, self.output)

    @property
    def fields(self) -> tuple[Field, ...]:
        """How the values of `columns` are read."""
        return (TOKENS, TOKENS) if self.arrival is None else (self.clock, TOKENS, TOKENS)

    @property
    def needed(self) -> tuple[str, ...]:
        """The keys that each row must have: those of the record where the format is nested."""
        return self.columns if self.rows is None else self.marks

    @property
    def recognised(self) -> tuple[str, ...]:
        """The columns that a file must have for the format to be detected."""
        return tuple(dict.fromkeys((*self.needed, *self.marks)))


_BAILIAN_MARKS = ("chat_id", "parent_chat_id", "type", "turn")

FORMATS: dict[str, TraceFormat] = {
    "azure": TraceFormat("TIMESTAMP", "ContextTokens", "GeneratedTokens", TIMESTAMP),
    "mooncake": TraceFormat(
        "timestamp",
        "input_length",
        "output_length",
        MILLISECONDS,
        marks=("hash_ids",),
        foreign=_BAILIAN_MARKS,
        detected_clock=WHOLE_MILLISECONDS,
    ),
    "bailian": TraceFormat("timestamp", "input_length", "output_length", marks=_BAILIAN_MARKS),
    "burstgpt": TraceFormat("Timestamp", "Request tokens", "Response tokens"),
    "vidur": TraceFormat("arrived_at", "num_prefill_tokens", "num_decode_tokens"),
    "splitwise-sim": TraceFormat("arrival_timestamp", "prompt_size", "token_size"),
    "llmservingsim": TraceFormat("arrival_time_ns", "input_toks", "output_toks", NANOSECONDS),
    "aibrix": TraceFormat(
        "timestamp",
        "prompt_length",
        "output_length",
        MILLISECONDS,
        marks=("timestamp", "requests"),
        rows=nested.aibrix_rows,
    ),
    "benchmark": TraceFormat(
        "start_times",
        "input_lens",
        "output_lens",
        marks=("start_times", "input_lens", "output_lens"),
        rows=nested.benchmark_rows,
    ),
    "benchmark-lengths": TraceFormat(
        None, "input_lens", "output_lens", marks=("input_lens", "output_lens"), rows=nested.benchmark_lengths
    ),
    "sharegpt-estimate": TraceFormat(
        None,
        "conversations[0].value",
        "conversations[1].value",
        marks=("conversations",),
        rows=nested.sharegpt_rows,
        note=f"token counts are estimates: {nested.CHARACTERS_PER_TOKEN} characters count as one token",
    ),
    "own": TraceFormat("arrival_s", "prompt_tokens", "output_tokens"),
    "lengths": TraceFormat(None, "prompt_tokens", "output_tokens"),
}
"""Formats by name. `own` has the columns arrival_s, prompt_tokens and output_tokens: seconds and whole tokens."""

ARRIVAL_CLOCKS: dict[str, Field] = {
    "arrival_s": SECONDS,
    "arrival_ms": MILLISECONDS,
    "arrival_us": MICROSECONDS,
    "arrival_ns": NANOSECONDS,
    "arrival_time": TIMESTAMP,
}
"""Keys of a column mapping that name the column of the arrivals, and its clock."""

MAPPING_KEYS = (*ARRIVAL_CLOCKS, "prompt_tokens", "output_tokens")


def mapped(layout: TraceFormat, columns: Mapping[str, str]) -> TraceFormat:
    """The format with the columns of a mapping, whose keys are `MAPPING_KEYS`, and the clock of its arrival key.

    Raises ValueError for two arrival keys and for a nested format, whose rows have no columns.
    """
    arrivals = [key for key in columns if key in ARRIVAL_CLOCKS]
    if len(arrivals) > 1:
        raise ValueError(f"columns must name one arrival column, got {' and '.join(arrivals)}; leave one out")
    if layout.rows is not None:
        raise ValueError(f"columns can be named for flat formats only, got a format of nested records: {columns!r}")
    layout = layout._replace(
        prompt=columns.get("prompt_tokens", layout.prompt), output=columns.get("output_tokens", layout.output)
    )
    if arrivals:
        layout = layout._replace(arrival=columns[arrivals[0]], clock=ARRIVAL_CLOCKS[arrivals[0]])
    return layout
