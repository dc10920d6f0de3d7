"""Builds the workload that a scenario's `arrivals` and `lengths` sections describe."""

from collections.abc import Callable
from functools import partial
from typing import Any

from edge_llm_gym.messages import quoted
from edge_llm_gym.workload.arrivals import ArrivalProcess, DayCycle, GammaBursty, Poisson
from edge_llm_gym.workload.config import ARRIVAL_KEYS, LENGTH_KEYS, ArrivalsConfig, LengthsConfig
from edge_llm_gym.workload.lengths import Choice, LengthLimits, LengthModel, LogNormal
from edge_llm_gym.workload.published import published
from edge_llm_gym.workload.replay import ResampledLengths, TraceReplay
from edge_llm_gym.workload.trace_reading import read_requests, read_trace
from edge_llm_gym.workload.trace_source import TraceSource
from edge_llm_gym.workload.workload import SyntheticWorkload, TraceWorkload, Workload


def _published_arrivals(name: str, rate_per_s: float | None = None) -> ArrivalProcess:
    process = published(name).arrivals
    return process if rate_per_s is None else process.at_rate(rate_per_s)


def _published_lengths(name: str) -> LengthModel:
    return published(name).lengths


def _replay(rate_per_s: float | None = None, jitter_s: float = 0.0, **source: Any) -> TraceReplay:
    trace = read_trace(TraceSource(**source))
    return TraceReplay(trace, trace.rate_per_s if rate_per_s is None else rate_per_s, jitter_s)


def _resampled(**source: Any) -> ResampledLengths:
    return ResampledLengths(read_requests(TraceSource(**source)))


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


def sources_fit(arrivals: ArrivalsConfig, lengths: LengthsConfig) -> None:
    """Raises ValueError for lengths from a trace that name no file and need one, or name one beside a replay."""
    if lengths.kind != "trace":
        return
    given = lengths.given(LENGTH_KEYS["trace"])
    if arrivals.process == "trace" and given:
        raise ValueError(f"lengths must not name a file if arrivals replay a trace, got {quoted(given)}; remove it")
    if arrivals.process != "trace" and lengths.file is None:
        raise ValueError(
            f"lengths of kind 'trace' need a file if arrivals are {arrivals.process!r}, got none; set lengths.file"
        )


def build_workload(arrivals: ArrivalsConfig, lengths: LengthsConfig) -> Workload:
    """The workload of the two sections; the only function that opens a trace for a scenario.

    A range of the arrival rate counts with its mean; `at_rate` of the workload gives it that of an episode.

    Arrivals and lengths may come from different sources. With lengths of kind 'trace',
    - arrivals from a trace are replayed as whole rows, and `lengths` must not name a file;
    - other arrivals are combined with random rows of `lengths.file`, each prompt with its output.

    Raises ValueError for incompatible sections, TraceError for an invalid trace, FileNotFoundError for a missing one.
    """
    sources_fit(arrivals, lengths)
    limits = LengthLimits(lengths.max_prompt_tokens, lengths.max_output_tokens)
    process_options = arrivals.given(ARRIVAL_KEYS[arrivals.process])
    if "rate_per_s" in process_options:
        process_options["rate_per_s"] = arrivals.mean_rate_per_s
    if arrivals.process == lengths.kind == "trace":
        replay = _replay(**process_options)
        return TraceWorkload(replay.trace, limits, replay.rate_per_s, replay.jitter_s)
    length_options = lengths.given(LENGTH_KEYS[lengths.kind])
    process = _PROCESSES[arrivals.process](**process_options)
    return SyntheticWorkload(process, _LENGTH_MODELS[lengths.kind](**length_options), limits)
