"""A scheduler for a running server: plain records in, a policy's decision in plain records out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.live.observation import LiveObservation
from edge_llm_gym.live.records import Assignment, LiveError, NodeState, Request, Schedule
from edge_llm_gym.scenario import Scenario, ScenarioSource, load_scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK


class LiveScheduler:
    """Decides which waiting requests are admitted, by any policy of the scenario's environment.

    Args:
        scenario: the site: name of a shipped scenario, path of a YAML file, mapping, or Scenario. Its arrivals are not
            used, but its limits on lengths, budgets and values are those of the requests.
        policy: name of an expert, or an object with `predict`, such as a loaded agent of the same scenario. Use a
            scheduler for one server, since the policy may have a memory from decision to decision.
        overrides: values of the scenario by dotted path.
        settings: settings of the expert.

    Call `decide` once in every `epoch_s`. Raises ScenarioError for a scenario that violates a rule, LiveError for
    streaming dynamics, and what `make_expert` raises.
    """

    def __init__(
        self,
        scenario: ScenarioSource,
        policy: str | Policy = "ot-gah",
        overrides: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.scenario: Scenario = load_scenario(scenario, overrides)
        self._observation = LiveObservation(self.scenario)
        self._policy = make_expert(policy, self.scenario, **settings) if isinstance(policy, str) else policy
        self._memory: Any = None
        self._names = [node.name for node in self.scenario.nodes]

    def decide(
        self,
        requests: Sequence[Request],
        nodes: Mapping[str, NodeState] | None = None,
        arrived: int | None = None,
        confidences: Sequence[Sequence[float]] = (),
    ) -> Schedule:
        """The decision of one epoch.

        Args:
            requests: all waiting requests. The policy sees as many as the scenario has `slots`, the earliest deadlines
                first; the others wait.
            nodes: states by name of the node; a node that is missing is idle.
            arrived: requests that arrived in the last epoch; by default those that have waited for less than an epoch.
            confidences: models with exits: for each exit, the confidences seen there lately.

        Raises LiveError for a request or state outside the scenario's limits, and for two requests with the same id.
        """
        observation = self.observe(requests, nodes, arrived, confidences)
        action, self._memory = self._policy.predict(observation, self._memory, None, deterministic=True)
        return self._schedule(requests, action)

    def observe(
        self,
        requests: Sequence[Request],
        nodes: Mapping[str, NodeState] | None = None,
        arrived: int | None = None,
        confidences: Sequence[Sequence[float]] = (),
    ) -> dict[str, Array]:
        """What the policy sees for the arguments of `decide`: the observation of one row. Raises as `decide` does."""
        _check_ids(requests)
        shown = self._shown(requests)
        recent = sum(request.waited_s < self.scenario.epoch_s for request in requests)
        return self._observation.write(
            shown,
            nodes or {},
            arrived=recent if arrived is None else arrived,
            hidden=len(requests) - len(shown),
            confidences=confidences,
        )

    def _shown(self, requests: Sequence[Request]) -> list[Request]:
        """The requests with a slot, the earliest deadline first."""
        return sorted(requests, key=lambda request: request.time_left_s)[: self.scenario.slots]

    def _schedule(self, requests: Sequence[Request], action: Mapping[str, Array]) -> Schedule:
        shown = self._shown(requests)
        node = np.asarray(action["batch"])[: len(shown)]
        shares = _shares(node, np.asarray(action["bandwidth"], np.float64)[: len(shown)])
        admitted = {
            request.id: self._assignment(request, int(node[slot]), shares[slot])
            for slot, request in enumerate(shown)
            if node[slot]
        }
        return Schedule(
            assignments=tuple(admitted[request.id] for request in requests if request.id in admitted),
            waiting=tuple(request.id for request in requests if request.id not in admitted),
            offload=self._offload(action),
            threshold=dict(zip(self._names, map(float, action.get("threshold", ())), strict=False)),
        )

    def _assignment(self, request: Request, choice: int, share: Array) -> Assignment:
        node = self.scenario.nodes[self.scenario.network.entry_nodes[choice - 1]]
        up, down = float(share[UPLINK]), float(share[DOWNLINK])
        return Assignment(request.id, node.name, up, down, up * node.uplink_hz, down * node.downlink_hz)

    def _offload(self, action: Mapping[str, Array]) -> dict[str, dict[str, float]]:
        """Shares of the next nodes; equal ones where all weights are 0."""
        weights = np.asarray(action.get("offload", np.zeros((0, 0))), np.float64)
        linked = self.scenario.network.has_link
        found: dict[str, dict[str, float]] = {}
        for source in range(len(weights)):
            targets = np.flatnonzero(linked[source])
            if targets.size:
                given = _normalised(weights[source, targets])
                found[self._names[source]] = {
                    self._names[target]: float(share) for target, share in zip(targets, given, strict=True)
                }
        return found


def _check_ids(requests: Sequence[Request]) -> None:
    count = Counter(request.id for request in requests)
    for one, times in count.items():
        if times > 1:
            raise LiveError(f"every request of a decision has an id of its own, got {one!r} {times} times")


def _shares(node: Array, weights: Array) -> Array:
    """[n, 2] share of each admitted request on its node: weight / sum of weights, equal shares if all are 0."""
    shares = np.zeros_like(weights)
    for chosen in np.unique(node[node > 0]):
        members = node == chosen
        shares[members] = np.stack([_normalised(weights[members, band]) for band in (UPLINK, DOWNLINK)], axis=1)
    return shares


def _normalised(weights: Array) -> Array:
    total = weights.sum()
    return weights / total if total > 0.0 else np.full(weights.size, 1.0 / weights.size)
