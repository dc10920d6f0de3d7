"""The public trace formats: column names, clocks, and rules for the values of each column."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Field(NamedTuple):
    """Conversion of the texts of one column to numbers."""

    parse: Callable[[list[str]], NDArray[np.float64]]
    """Converts all texts at once; raises ValueError if one of them cannot be."""
    accepts: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    rule: str


class TraceFormat(NamedTuple):
    """The column names of one public format; columns beyond these are ignored."""

    arrival: str
    prompt: str
    output: str
    clock: Field
    zero_is_failure: bool = False
    json_lines: bool = False

    @property
    def columns(self) -> tuple[str, str, str]:
        """Names of the arrival, prompt and output columns."""
        return self.arrival, self.prompt, self.output


_UTC_TIMESTAMP = re.compile(r"((?:19|20)\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:\+00:00|Z)?")


def _numbers(texts: list[str]) -> NDArray[np.float64]:
    return np.array(texts, dtype=np.float64)


def _milliseconds(texts: list[str]) -> NDArray[np.float64]:
    return _numbers(texts) / 1e3


def _timestamps(texts: list[str]) -> NDArray[np.float64]:
    matches = [_UTC_TIMESTAMP.fullmatch(text) for text in texts]
    if not all(matches):
        raise ValueError("not a timestamp")
    instants = np.array([match[1] for match in matches if match], dtype="datetime64[ns]")
    # Seconds since 1970 would leave float64 with steps of 0.2 us: count from the first day of the file instead.
    return (instants - instants.min().astype("datetime64[D]")).astype(np.int64) / 1e9


def _whole_from(least: int) -> Callable[[NDArray[np.float64]], NDArray[np.bool_]]:
    return lambda values: (values >= least) & (values < 2**53) & (values == np.floor(values))


SECONDS = Field(_numbers, np.isfinite, "must be a finite number of seconds")
MILLISECONDS = Field(_milliseconds, np.isfinite, "must be a finite number of milliseconds")
TIMESTAMP = Field(_timestamps, np.isfinite, "must be a UTC time such as 2023-11-16 18:17:03.9799600")
TOKENS = Field(_numbers, _whole_from(1), "must be a whole number of tokens, at least 1")
TOKENS_OR_FAILURE = Field(_numbers, _whole_from(0), "must be a whole number of tokens, 0 for a failed request")

FORMATS: dict[str, TraceFormat] = {
    "azure": TraceFormat("TIMESTAMP", "ContextTokens", "GeneratedTokens", TIMESTAMP),
    "mooncake": TraceFormat("timestamp", "input_length", "output_length", MILLISECONDS, json_lines=True),
    "burstgpt": TraceFormat("Timestamp", "Request tokens", "Response tokens", SECONDS, zero_is_failure=True),
    "vidur": TraceFormat("arrived_at", "num_prefill_tokens", "num_decode_tokens", SECONDS),
    "own": TraceFormat("arrival_s", "prompt_tokens", "output_tokens", SECONDS),
}
"""Formats by name. `own` is a CSV with the header arrival_s,prompt_tokens,output_tokens: seconds and whole tokens."""
