"""What is measured of an episode, for each dynamics: its figures, its score, and how reports show them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.outcomes import EMPTY, SERVED
from edge_llm_gym.sim.simulator import Simulator

Figures = dict[str, float]
Columns = tuple[tuple[str, str, str], ...]
"""(figure, title, format) of every column."""


@dataclass(frozen=True)
class Measures:
    """How episodes of one admission are summed up and shown."""

    figures: Callable[[Simulator, Mapping[str, float]], Figures]
    """(simulator after the last step, totals of the episode) -> figures by name."""
    score: str
    """The figure by which policies are ranked and paired."""
    score_title: str
    headline: tuple[str, str, str]
    """The figure shown first, with its interval: name, title, format."""
    columns: Columns
    cause_title: str
    cause_columns: Columns
    panels: tuple[tuple[str, str], ...]
    """(figure, title) of the pictures' panels."""
    policies: str
    """What `compare` takes by default."""


EPOCH_COUNTS = ("late", "below_quality", "expired", "refused_uplink", "refused_downlink", "refused_memory")


def _epoch_figures(simulator: Simulator, totals: Mapping[str, float]) -> Figures:
    """Shares are of what arrived; delays are those of the served, NaN if nobody was."""
    arrived, served = totals["arrived"], totals["served"]
    delays_s = simulator.state.requests.latency_s[0][simulator.state.requests.outcome[0] == SERVED]
    return {
        "served_value": totals["served_value"],
        "served_share": _ratio(totals["served_value"], totals["arrived_value"]),
        "on_time": _ratio(served, arrived),
        **_delays(delays_s),
        "quality": _ratio(totals["quality"], served),
    } | {name: totals[name] for name in ("arrived", *EPOCH_COUNTS)}


def _staged_figures(simulator: Simulator, totals: Mapping[str, float]) -> Figures:
    """As in batching dynamics; accuracy and the shares `exit_...` that left after each block are of the computed."""
    computed = totals["served"] + totals["late"] + totals["below_quality"]
    return (
        _epoch_figures(simulator, totals)
        | {"accuracy": _ratio(totals["correct"], computed), "forwarded": _ratio(totals["forwarded"], computed)}
        | {name: _ratio(totals[name], computed) for name in totals if name.startswith("exit_")}
    )


def _stream_figures(simulator: Simulator, totals: Mapping[str, float]) -> Figures:
    """Delays and accuracy are of all that arrived; `exit_...` are shares of them that left after each block."""
    arrived, has_arrived = totals["arrived"], simulator.state.requests.outcome[0] != EMPTY
    delays_s = simulator.state.requests.delay_s[0][has_arrived]
    ends_s = simulator.state.epoch[0] * simulator.scenario.epoch_s
    unanswered = simulator.tape.requests.arrival_s[0][has_arrived] + delays_s > ends_s
    return (
        {
            "mean_delay_s": _ratio(totals["response_s"], arrived),
            "accuracy": _ratio(totals["correct"], arrived),
            "on_time": _ratio(totals["served"] + totals["below_quality"], arrived),
            **_delays(delays_s),
        }
        | {name: _ratio(totals[name], arrived) for name in totals if name.startswith("exit_")}
        | {name: totals[name] for name in ("arrived", "late", "below_quality")}
        | {"unanswered": float(unanswered.sum())}
    )


def _delays(delays_s: Array) -> Figures:
    some = delays_s.size > 0
    return {
        "delay_p50_s": float(np.quantile(delays_s, 0.5)) if some else np.nan,
        "delay_p95_s": float(np.quantile(delays_s, 0.95)) if some else np.nan,
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


_CAUSES: Columns = (
    ("arrived", "arrived", "{:.1f}"),
    ("late", "late", "{:.1f}"),
    ("below_quality", "below_quality", "{:.1f}"),
    ("expired", "expired", "{:.1f}"),
    ("refused_uplink", "refused: uplink", "{:.1f}"),
    ("refused_downlink", "downlink", "{:.1f}"),
    ("refused_memory", "memory", "{:.1f}"),
)
_TIMES: Columns = (("utilisation", "busy", "{:.0%}"), ("decision_ms", "ms/decision", "{:.2f}"))
MEASURES: Final[Mapping[str, Measures]] = MappingProxyType(
    {
        "batching": Measures(
            figures=_epoch_figures,
            score="served_value",
            score_title="served",
            headline=("served_share", "value served", "{:.1%}"),
            columns=(
                ("on_time", "on time", "{:.1%}"),
                ("delay_p50_s", "p50 [s]", "{:.2f}"),
                ("delay_p95_s", "p95 [s]", "{:.2f}"),
                ("quality", "quality", "{:.3f}"),
                *_TIMES,
            ),
            cause_title="requests and refusals per episode, by cause",
            cause_columns=_CAUSES,
            panels=(
                ("served_share", "value served / arrived"),
                ("delay_p95_s", "delay of the served, p95 [s]"),
                ("quality", "quality of the served"),
                ("utilisation", "utilisation of the nodes"),
            ),
            policies="ot-gah,dftsp,sjf,edf,fcfs,stb,nob,random",
        ),
        "batching_routing": Measures(
            figures=_staged_figures,
            score="served_value",
            score_title="served",
            headline=("served_share", "value served", "{:.1%}"),
            columns=(
                ("on_time", "on time", "{:.1%}"),
                ("delay_p50_s", "p50 [s]", "{:.2f}"),
                ("delay_p95_s", "p95 [s]", "{:.2f}"),
                ("quality", "quality", "{:.3f}"),
                ("forwarded", "forwarded", "{:.0%}"),
                *_TIMES,
            ),
            cause_title="requests and refusals per episode, by cause",
            cause_columns=_CAUSES,
            panels=(
                ("served_share", "value served / arrived"),
                ("delay_p95_s", "delay of the served, p95 [s]"),
                ("accuracy", "accuracy of the computed"),
                ("utilisation", "utilisation of the nodes"),
            ),
            policies="ot-gah+dto-ee,ot-gah,fcfs+dto-ee,ot-gah+no-exit,edf,sjf,fcfs,random",
        ),
        "streaming": Measures(
            figures=_stream_figures,
            score="reward",
            score_title="reward",
            headline=("mean_delay_s", "mean delay [s]", "{:.3f}"),
            columns=(
                ("accuracy", "accuracy", "{:.1%}"),
                ("on_time", "on time", "{:.1%}"),
                ("delay_p50_s", "p50 [s]", "{:.2f}"),
                ("delay_p95_s", "p95 [s]", "{:.2f}"),
                *_TIMES,
            ),
            cause_title="requests per episode: late, of too low a quality, unanswered at the end",
            cause_columns=(
                ("arrived", "arrived", "{:.1f}"),
                ("late", "late", "{:.1f}"),
                ("below_quality", "below_quality", "{:.1f}"),
                ("unanswered", "unanswered", "{:.1f}"),
            ),
            panels=(
                ("mean_delay_s", "mean delay [s]"),
                ("delay_p95_s", "delay, p95 [s]"),
                ("accuracy", "accuracy"),
                ("utilisation", "utilisation of the nodes"),
            ),
            policies="dto-ee,fixed-threshold,selfish,compute-proportional,uniform,no-exit,random",
        ),
    }
)
"""Admission -> its measures."""
