"""The `arrivals` and `lengths` sections of a scenario, checked, and the workload they ask for."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_llm_gym.workload.arrivals import ArrivalProcess, DayCycle, GammaBursty, Poisson
from edge_llm_gym.workload.lengths import Choice, LengthLimits, LengthModel, LogNormal
from edge_llm_gym.workload.published import published
from edge_llm_gym.workload.replay import ResampledLengths, TraceReplay
from edge_llm_gym.workload.traces import read_trace
from edge_llm_gym.workload.workload import SyntheticWorkload, TraceWorkload, Workload

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=1)]
FormatName = Literal["azure", "mooncake", "burstgpt", "vidur", "own"]


class Keys(NamedTuple):
    """Which further keys a kind of arrivals or lengths needs, and which it may have."""

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def given(self, keys: Keys) -> dict[str, Any]:
        """Those of the keys that have a value, with it."""
        return {key: value for key in (*keys.needed, *keys.optional) if (value := getattr(self, key)) is not None}

    def check_keys(self, chooser: str, table: Mapping[str, Keys]) -> None:
        """Raise ValueError for a key that the chosen kind needs and lacks, or has and cannot use."""
        chosen = getattr(self, chooser)
        own = {*table[chosen].needed, *table[chosen].optional}
        if missing := [key for key in table[chosen].needed if getattr(self, key) is None]:
            raise ValueError(f"{chooser} {chosen!r} needs {' and '.join(missing)}")
        for kind, keys in table.items():
            for key, value in self.given(keys).items():
                if key not in own:
                    hint = f"leave it out, or choose {chooser} {kind!r}"
                    raise ValueError(f"{chooser} {chosen!r} has no use for {key}, got {value!r}; {hint}")


class ArrivalsConfig(_Section):
    """When requests arrive. Which keys go with which process stands in `ARRIVAL_KEYS`."""

    process: Literal["poisson", "gamma", "day-cycle", "azure-conv-2023", "azure-code-2023", "trace"]
    """Arrival process: synthetic, fitted to a published trace, or the replay of a trace file"""
    rate_per_s: Positive | None = None
    """Mean arrivals per s; the time axis of a published workload or a trace is rescaled to this rate"""
    cv: Positive | None = None
    """gamma: coefficient of variation of the inter-arrival times"""
    depth: Annotated[float, Field(ge=0, le=1)] | None = None
    """day-cycle: amplitude of the rate, as a share of its mean"""
    period_s: Positive | None = None
    """day-cycle: period in s"""
    phase: Annotated[float, Field(ge=0, lt=1)] | None = None
    """day-cycle: phase at the start of an episode, as a share of the period; random by default"""
    file: str | None = None
    """trace: path of the file, absolute or from the working directory"""
    format: FormatName | None = None
    """trace: format of the file; detected when left out"""
    jitter_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """trace: random delay of each arrival, up to this many seconds of the file's clock; none when left out"""

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        self.check_keys("process", ARRIVAL_KEYS)
        return self


class LengthsConfig(_Section):
    """How long requests are. Which keys go with which kind stands in `LENGTH_KEYS`; the two limits always do."""

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
    prompt_mean: Positive | None = None
    """lognormal: mean prompt tokens"""
    prompt_cv: Positive | None = None
    """lognormal: coefficient of variation of the prompt tokens"""
    output_mean: Positive | None = None
    """lognormal: mean output tokens"""
    output_cv: Positive | None = None
    """lognormal: coefficient of variation of the output tokens"""
    file: str | None = None
    """trace: file whose rows are drawn at random; left out where the arrivals replay a trace with its own lengths"""
    format: FormatName | None = None
    """trace: format of the file; detected when left out"""

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        self.check_keys("kind", LENGTH_KEYS)
        return self


ARRIVAL_KEYS = {
    "poisson": Keys(needed=("rate_per_s",)),
    "gamma": Keys(needed=("rate_per_s", "cv")),
    "day-cycle": Keys(needed=("rate_per_s", "depth", "period_s"), optional=("phase",)),
    "azure-conv-2023": Keys(optional=("rate_per_s",)),
    "azure-code-2023": Keys(optional=("rate_per_s",)),
    "trace": Keys(needed=("file",), optional=("rate_per_s", "format", "jitter_s")),
}

LENGTH_KEYS = {
    "azure-conv-2023": Keys(),
    "azure-code-2023": Keys(),
    "choice": Keys(needed=("prompt_tokens", "output_tokens")),
    "lognormal": Keys(needed=("prompt_mean", "prompt_cv", "output_mean", "output_cv")),
    "trace": Keys(optional=("file", "format")),
}


def _published_arrivals(name: str, rate_per_s: float | None = None) -> ArrivalProcess:
    process = published(name).arrivals
    return process if rate_per_s is None else process.at_rate(rate_per_s)


def _published_lengths(name: str) -> LengthModel:
    return published(name).lengths


def _replay(
    file: str, rate_per_s: float | None = None, format: str | None = None, jitter_s: float = 0.0
) -> TraceReplay:
    trace = read_trace(file, format)
    return TraceReplay(trace, trace.rate_per_s if rate_per_s is None else rate_per_s, jitter_s)


def _resampled(file: str, format: str | None = None) -> ResampledLengths:
    return ResampledLengths(read_trace(file, format))


_PROCESSES: dict[str, Callable[..., ArrivalProcess]] = {
    "poisson": Poisson,
    "gamma": GammaBursty,
    "day-cycle": DayCycle,
    "azure-conv-2023": partial(_published_arrivals, "azure-conv-2023"),
    "azure-code-2023": partial(_published_arrivals, "azure-code-2023"),
    "trace": _replay,
}

_LENGTH_MODELS: dict[str, Callable[..., LengthModel]] = {
    "azure-conv-2023": partial(_published_lengths, "azure-conv-2023"),
    "azure-code-2023": partial(_published_lengths, "azure-code-2023"),
    "choice": Choice,
    "lognormal": LogNormal,
    "trace": _resampled,
}


def build_workload(arrivals: ArrivalsConfig, lengths: LengthsConfig) -> Workload:
    """The workload that the two sections ask for: the only function that opens a trace for a scenario.

    Arrivals and lengths may come from different sources. With lengths of kind 'trace',
    - arrivals from a trace are replayed as whole rows, so `lengths` must not name a file;
    - to other arrivals `lengths.file` lends rows drawn at random, each prompt with its output.

    Raises ValueError where the sections do not fit each other, TraceError for a broken trace, FileNotFoundError.
    """
    limits = LengthLimits(lengths.max_prompt_tokens, lengths.max_output_tokens)
    process_options = arrivals.given(ARRIVAL_KEYS[arrivals.process])
    length_options = lengths.given(LENGTH_KEYS[lengths.kind])
    if arrivals.process == lengths.kind == "trace":
        if length_options:
            raise ValueError(f"lengths must not name a file where arrivals replay a trace, got {length_options}")
        replay = _replay(**process_options)
        return TraceWorkload(replay.trace, limits, replay.rate_per_s, replay.jitter_s)
    if lengths.kind == "trace" and lengths.file is None:
        raise ValueError(f"lengths of kind 'trace' need a file where arrivals are {arrivals.process!r}, not a trace")
    process = _PROCESSES[arrivals.process](**process_options)
    return SyntheticWorkload(process, _LENGTH_MODELS[lengths.kind](**length_options), limits)
