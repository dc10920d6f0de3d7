"""Metrics of the episode that a simulator has just finished, by dynamics."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.metrics import (
    Metrics,
    Totals,
    batching_metrics,
    batching_routing_metrics,
    continuous_batching_metrics,
    streaming_metrics,
)
from edge_llm_gym.sim.outcomes import EMPTY, SERVED
from edge_llm_gym.sim.simulator import Simulator


def _batching(simulator: Simulator, totals: Totals) -> Metrics:
    return batching_metrics(totals, _served_delays_s(simulator))


def _continuous_batching(simulator: Simulator, totals: Totals) -> Metrics:
    return continuous_batching_metrics(totals, _served_delays_s(simulator))


def _batching_routing(simulator: Simulator, totals: Totals) -> Metrics:
    return batching_routing_metrics(totals, _served_delays_s(simulator))


def _served_delays_s(simulator: Simulator) -> Array:
    delays_s: Array = simulator.state.requests.latency_s[0][simulator.state.requests.outcome[0] == SERVED]
    return delays_s


def _streaming(simulator: Simulator, totals: Totals) -> Metrics:
    has_arrived = simulator.state.requests.outcome[0] != EMPTY
    delays_s = simulator.state.requests.delay_s[0][has_arrived]
    end_s = simulator.state.epoch[0] * simulator.scenario.epoch_s
    unanswered = simulator.tape.requests.arrival_s[0][has_arrived] + delays_s > end_s
    return streaming_metrics(totals, delays_s, int(unanswered.sum()))


EPISODE_METRICS: Final[Mapping[str, Callable[[Simulator, Totals], Metrics]]] = MappingProxyType(
    {
        "batching": _batching,
        "continuous_batching": _continuous_batching,
        "batching_routing": _batching_routing,
        "streaming": _streaming,
    }
)
"""Variant of the dynamics -> (simulator after the last step, totals of the episode) -> metrics by name."""
