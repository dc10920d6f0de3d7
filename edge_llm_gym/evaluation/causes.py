"""Why requests are not served: what kept expired requests out of the batches, and where late requests spent their time.

Experts never ask for what would be refused, so refusals do not tell which resource is scarce. Pooled dynamics: an
expired request is attributed in equal parts to the epochs in which it was in the queue. Of an epoch in which a node had
room for it, the cause is "room"; in which it had no slot, "slots"; in which it was refused, the resource that refused
it. Otherwise the nodes that come closest count (`exclusion.cause_shares`). A request that expires as soon as it arrives
is attributed to what it lacks alone on an idle node. The parts of an episode add up to the metric `expired`.

Streaming dynamics keep no request out: a late request is attributed in proportion to where its response delay passed.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.decisions import REFUSALS, DecisionBlocks, Decisions, EpisodeRecorder
from edge_llm_gym.evaluation.exclusion import QUALITY, RESOURCES, TIME, cause_shares, exclusions, limit_reader
from edge_llm_gym.evaluation.metrics import Metrics
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV
from edge_llm_gym.sim.outcomes import EXPIRED, LATE
from edge_llm_gym.sim.simulator import Simulator

EXPIRED_CAUSES: Final = (*RESOURCES, "slots", "room")
"""Causes of expired requests, each the metric "expired_" + name."""
SLOTS, ROOM = (EXPIRED_CAUSES.index(name) for name in ("slots", "room"))
LATE_CAUSES: Final = ("waiting", "service", "transfer")
"""Parts of the response delay of late requests, each the metric "late_" + name: at nodes, computed, on the way."""
MEMORY: Final = RESOURCES.index("memory")


class CauseRecorder(EpisodeRecorder, Protocol):
    """An EpisodeRecorder that knows at the end why requests were not served."""

    def metrics(self, simulator: Simulator) -> Metrics:
        """Requests by cause, after the last step."""
        ...


class QueueCauses(DecisionBlocks):
    """Causes of expired requests in pooled dynamics."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        self._reader = limit_reader(scenario)
        self._parts: list[tuple[Array, Array]] = []

    def metrics(self, simulator: Simulator) -> Metrics:
        """Expired requests by cause."""
        self.finish()
        expired = np.flatnonzero(simulator.state.requests.outcome[0] == EXPIRED)
        total, epochs = np.zeros((simulator.capacity, len(EXPIRED_CAUSES))), np.zeros(simulator.capacity)
        for request, parts in self._parts:
            np.add.at(total, request, parts)
            np.add.at(epochs, request, 1.0)
        seen = expired[epochs[expired] > 0]
        causes = (total[seen] / epochs[seen, None]).sum(axis=0)
        causes[: len(RESOURCES)] += causes_on_arrival(simulator, np.setdiff1d(expired, seen))
        return {f"expired_{name}": float(number) for name, number in zip(EXPIRED_CAUSES, causes, strict=True)}

    def process(self, decisions: Decisions) -> None:
        """Keeps the causes of a block of decisions."""
        chosen = decisions.waiting | decisions.refused
        parts = causes_of(decisions, exclusions(self._reader, decisions.observation, decisions.admitted))
        self._parts.append((decisions.request[chosen], parts[chosen]))
        self._parts.append((decisions.hidden, np.eye(len(EXPIRED_CAUSES))[np.full(decisions.hidden.size, SLOTS)]))


def causes_of(decisions: Decisions, excluded: Array) -> Array:
    """[H, N, 7] shares of EXPIRED_CAUSES in that a request was not admitted, for its exclusions [H, N, K, 5].

    Undefined for admitted requests and in empty slots.
    """
    parts = np.zeros((*decisions.request.shape, len(EXPIRED_CAUSES)))
    parts[..., : len(RESOURCES)] = cause_shares(excluded)
    parts[..., ROOM] = ~excluded.any(axis=-1).all(axis=-1)
    for code, name in REFUSALS.items():
        parts[decisions.outcome == code] = np.eye(len(EXPIRED_CAUSES))[EXPIRED_CAUSES.index(name)]
    return parts


def causes_on_arrival(simulator: Simulator, requests: Array) -> Array:
    """[5] requests by resource, of the requests [n] that expired as soon as they arrived.

    Where memory and quality of a node suffice, its time does not: it could not compute the request before the deadline.
    """
    parameters, tape = simulator.parameters, simulator.tape
    entry = simulator.scenario.network.entry_nodes
    demand = tape.requests.quality_demand[0, requests, None]
    coefficients = parameters.cost_coefficients[parameters.network.first_hosted[entry], :, KV]
    excluded = np.zeros((requests.size, entry.size, len(RESOURCES)), np.bool_)
    excluded[..., QUALITY] = demand > np.minimum(parameters.quality[entry], 1.0)
    excluded[..., MEMORY] = tape.predicted_drivers[0, requests] @ coefficients.T > parameters.kv_capacity_bytes[entry]
    excluded[..., TIME] = ~excluded.any(axis=-1)
    return cause_shares(excluded).sum(axis=0)


class StreamingCauses:
    """Causes of late requests in streaming dynamics."""

    def decided(self, simulator: Simulator, observation: Mapping[str, Array], action: Any) -> None:
        """Nothing: the state tells all at the end."""

    def stepped(self, info: Mapping[str, Any]) -> None:
        """Nothing likewise."""

    def metrics(self, simulator: Simulator) -> Metrics:
        """Late requests by part of their response delay."""
        log = simulator.state.requests
        late = log.outcome[0] == LATE
        visited = log.node[0, late] > 0
        waiting_s = ((log.start_s[0, late] - log.reach_s[0, late]) * visited).sum(axis=1)
        service_s = ((log.finish_s[0, late] - log.start_s[0, late]) * visited).sum(axis=1)
        delay_s = log.delay_s[0, late]
        parts = np.stack([waiting_s, service_s, delay_s - waiting_s - service_s]) / delay_s
        return {f"late_{name}": float(number) for name, number in zip(LATE_CAUSES, parts.sum(axis=1), strict=True)}


def _streaming(scenario: Scenario) -> StreamingCauses:
    return StreamingCauses()


RECORDERS: Final[Mapping[str, Callable[[Scenario], CauseRecorder]]] = MappingProxyType(
    {
        "batching": QueueCauses,
        "continuous_batching": QueueCauses,
        "batching_routing": QueueCauses,
        "streaming": _streaming,
    }
)
"""Variant of the dynamics -> recorder of one episode."""


def cause_recorder(scenario: Scenario) -> CauseRecorder:
    """A recorder for one episode of a scenario."""
    return RECORDERS[scenario.variant](scenario)
