"""The `arrivals` and `lengths` sections of a scenario, validated."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from edge_llm_gym.messages import quoted
from edge_llm_gym.quantities import (
    LogDeviation,
    MeanTokens,
    PeriodSeconds,
    Phase,
    Probability,
    Seconds,
    Tokens,
    Variation,
)
from edge_llm_gym.ranges import RateOrRange, highest_of, mean_of
from edge_llm_gym.workload.trace_source import check_window

FormatName = Literal[
    "azure",
    "mooncake",
    "bailian",
    "burstgpt",
    "vidur",
    "splitwise-sim",
    "llmservingsim",
    "aibrix",
    "benchmark",
    "benchmark-lengths",
    "sharegpt-estimate",
    "own",
    "lengths",
]
ColumnKey = Literal[
    "arrival_s", "arrival_ms", "arrival_us", "arrival_ns", "arrival_time", "prompt_tokens", "output_tokens"
]
ColumnNames = dict[ColumnKey, Annotated[str, Field(min_length=1)]]


def _as_text(value: Any) -> Any:
    """YAML reads a date and time as an object of its own."""
    return value.isoformat() if isinstance(value, date) else value


WindowBound = Annotated[Seconds | str, BeforeValidator(_as_text)]


class Keys(NamedTuple):
    """Required and optional keys of a kind of arrivals or lengths."""

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    def given(self, keys: Keys) -> dict[str, Any]:
        """Those of the keys that are set, with their values."""
        return {key: value for key in (*keys.needed, *keys.optional) if (value := getattr(self, key)) is not None}

    def check_keys(self, chooser: str, table: Mapping[str, Keys]) -> None:
        """Raise ValueError for a missing key that the chosen kind requires, and for a key that it does not use."""
        chosen = getattr(self, chooser)
        own = {*table[chosen].needed, *table[chosen].optional}
        if missing := [key for key in table[chosen].needed if getattr(self, key) is None]:
            raise ValueError(f"{chooser} {chosen!r} needs {' and '.join(missing)}, which are not set; add them")
        for kind, keys in table.items():
            for key, value in self.given(keys).items():
                if key not in own:
                    hint = f"remove it, or choose {chooser} {kind!r}"
                    raise ValueError(f"{chooser} {chosen!r} does not use {key}, got {quoted(value)}; {hint}")


class ArrivalsConfig(_Section):
    """When requests arrive. `ARRIVAL_KEYS` lists the keys of each process."""

    process: Literal["poisson", "gamma", "day-cycle", "azure-conv-2023", "azure-code-2023", "trace"]
    """Arrival process: synthetic, fitted to a published trace, or the replay of a trace file"""
    rate_per_s: RateOrRange | None = None
    """Mean arrivals per s, or a range from which every episode draws its own; the time axis of a published workload or
    a trace is rescaled to this rate"""
    cv: Variation | None = None
    """gamma: coefficient of variation of the inter-arrival times"""
    depth: Probability | None = None
    """day-cycle: amplitude of the rate, as a share of its mean"""
    period_s: PeriodSeconds | None = None
    """day-cycle: period in s"""
    phase: Phase | None = None
    """day-cycle: phase at the start of an episode, as a share of the period; random by default"""
    file: str | None = None
    """trace: path of the file"""
    format: FormatName | None = None
    """trace: format of the file; detected by default"""
    columns: ColumnNames | None = None
    """trace: names of the columns in the file, such as {arrival_s: ts}; those of the format by default"""
    window_from: WindowBound | None = None
    """trace: first time taken, in s from the first request or as date and time; the beginning by default"""
    window_until: WindowBound | None = None
    """trace: first time no longer taken, as `window_from`; the end by default"""
    jitter_s: Seconds | None = None
    """trace: random delay of each arrival, up to this many seconds of the file's clock; 0 by default"""

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        self.check_keys("process", ARRIVAL_KEYS)
        check_window(self.window_from, self.window_until)
        return self

    @property
    def mean_rate_per_s(self) -> float | None:
        """Arrivals per s, of a range the mean over episodes; None for that of a published workload or a trace."""
        return None if self.rate_per_s is None else mean_of(self.rate_per_s)

    @property
    def highest_rate_per_s(self) -> float | None:
        """Arrivals per s, of a range the upper end; None for that of a published workload or a trace."""
        return None if self.rate_per_s is None else highest_of(self.rate_per_s)


class PredictionConfig(_Section):
    """What is known about the output tokens of a request before it has been computed.

    The prediction is clip(round(n exp(sigma eps - sigma^2 / 2)), 1, max_output_tokens) with a standard normal eps: its
    mean is about the true number n, its standard deviation about sigma n for small sigma.
    """

    sigma: LogDeviation = 0.0
    """Standard deviation of the logarithm of the prediction; 0 means that output lengths are known"""


class LengthsConfig(_Section):
    """Token counts of requests. `LENGTH_KEYS` lists the keys of each kind; the two limits apply to all kinds."""

    kind: Literal["azure-conv-2023", "azure-code-2023", "choice", "lognormal", "trace"]
    """Distribution of the token counts: fitted to a published trace, synthetic, or drawn from a trace file"""
    max_prompt_tokens: Tokens
    """Maximum prompt tokens; longer prompts are clipped and counted"""
    max_output_tokens: Tokens
    """Maximum output tokens; longer outputs are clipped and counted"""
    prompt_tokens: Annotated[tuple[Tokens, ...], Field(min_length=1)] | None = None
    """choice: the values"""
    output_tokens: Annotated[tuple[Tokens, ...], Field(min_length=1)] | None = None
    """choice: the values"""
    prompt_mean: MeanTokens | None = None
    """lognormal: mean prompt tokens"""
    prompt_cv: Variation | None = None
    """lognormal: coefficient of variation of the prompt tokens"""
    output_mean: MeanTokens | None = None
    """lognormal: mean output tokens"""
    output_cv: Variation | None = None
    """lognormal: coefficient of variation of the output tokens"""
    file: str | None = None
    """trace: file whose rows are drawn at random; not allowed if the arrivals replay a trace with its own lengths"""
    format: FormatName | None = None
    """trace: format of the file; detected by default"""
    columns: ColumnNames | None = None
    """trace: names of the columns in the file, such as {arrival_s: ts}; those of the format by default"""
    window_from: WindowBound | None = None
    """trace: first time taken, in s from the first request or as date and time; the beginning by default"""
    window_until: WindowBound | None = None
    """trace: first time no longer taken, as `window_from`; the end by default"""
    prediction: PredictionConfig = PredictionConfig()
    """Predictions of the output tokens; dynamics batching and batching_routing only"""

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        self.check_keys("kind", LENGTH_KEYS)
        check_window(self.window_from, self.window_until)
        return self


TRACE_KEYS = ("format", "columns", "window_from", "window_until")
"""Optional keys of both sections, which say how a file is read and what is taken from it."""

ARRIVAL_KEYS = {
    "poisson": Keys(needed=("rate_per_s",)),
    "gamma": Keys(needed=("rate_per_s", "cv")),
    "day-cycle": Keys(needed=("rate_per_s", "depth", "period_s"), optional=("phase",)),
    "azure-conv-2023": Keys(optional=("rate_per_s",)),
    "azure-code-2023": Keys(optional=("rate_per_s",)),
    "trace": Keys(needed=("file",), optional=("rate_per_s", "jitter_s", *TRACE_KEYS)),
}

LENGTH_KEYS = {
    "azure-conv-2023": Keys(),
    "azure-code-2023": Keys(),
    "choice": Keys(needed=("prompt_tokens", "output_tokens")),
    "lognormal": Keys(needed=("prompt_mean", "prompt_cv", "output_mean", "output_cv")),
    "trace": Keys(optional=("file", *TRACE_KEYS)),
}
