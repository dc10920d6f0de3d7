"""Rewards of agents: the environment's reward for all of them, or the part of it that each has earned.

**Local rewards.** The environment's reward is a weighted sum of metrics (`edge_llm_gym.scenario.metrics`). A metric of
`REQUEST_METRICS` is a sum over requests whose outcome the epoch settles. What a request adds to it is divided equally
among the agents on its way: the nodes that computed it and, in streaming dynamics, its device. So in the environments
with one stage it goes to the node that served the request.

The means over the requests of an epoch of streaming dynamics, `mean_delay_s` and `accuracy`, are sums over requests
too: each request adds its delay, or its own accuracy, over the number of requests.

All other terms (energy, utilisation, counts of arrivals, admissions, refusals, transfers and exits, expired and pending
requests, means of continuous batching, a reward function of one's own) are divided equally among all agents. Local
rewards therefore add up to the environment's reward, up to rounding, for every reward.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.multiagent.agents import Agent
from edge_llm_gym.sim.exits import relative_accuracy
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from edge_llm_gym.sim.simulator import Simulator

FINAL: Final = (SERVED, LATE, BELOW_QUALITY)


@dataclass(frozen=True)
class Answered:
    """The n requests whose outcome an epoch has settled, of row 0 of a simulator; arrays [n] in their order."""

    simulator: Simulator
    request: Array
    """Indices on the tape."""

    @cached_property
    def outcome(self) -> Array:
        """Outcome codes."""
        return np.asarray(self._log.outcome[0, self.request])

    @cached_property
    def delay_s(self) -> Array:
        """From arrival to the end of the answer; 0 for an evicted request."""
        log = self._log
        return np.asarray((log.delay_s if self._is_streaming else log.latency_s)[0, self.request])

    @cached_property
    def value(self) -> Array:
        """Values."""
        return np.asarray(self.simulator.tape.requests.value[0, self.request])

    @cached_property
    def node(self) -> Array:
        """[n, S], 1 + the node in each stage, 0 for none."""
        return np.asarray(self._log.node[0, self.request])

    @cached_property
    def block(self) -> Array:
        """Block after which the request left the model."""
        return np.asarray(self._log.exit_block[0, self.request] - 1, np.int64)

    @cached_property
    def evicted(self) -> Array:
        """Whether the answer was lost because the KV cache overflowed; such a request is late without a latency."""
        return (self.outcome == LATE) & (self.delay_s == 0.0)

    @cached_property
    def factor(self) -> Array:
        """The lowest quality factor of the nodes on the way."""
        quality = np.append(np.inf, self.simulator.parameters.quality)
        return np.asarray(quality[self.node].min(axis=1))

    @cached_property
    def quality(self) -> Array:
        """Quality of the answer."""
        if self.simulator.scenario.exits is None:
            return np.minimum(self.factor, 1.0)
        last = self.node[np.arange(self.request.size), (self.node > 0).sum(axis=1) - 1] - 1
        table, threshold = self.simulator.parameters.exits, self.simulator.state.threshold_last[0, last]
        pairs = zip(self.block, threshold, strict=True)
        return np.minimum(self.factor * np.array([relative_accuracy(table, *pair) for pair in pairs]), 1.0)

    @cached_property
    def correct(self) -> Array:
        """Whether the answer is correct, weighted with the quality factor of the way."""
        right = self.simulator.tape.exits.correct[0, self.request, self.block]
        return np.where(self.evicted, 0.0, self.factor * right)

    @cached_property
    def full_correct(self) -> Array:
        """Whether the last exit would have answered correctly."""
        return np.where(self.evicted, 0.0, self.simulator.tape.exits.correct[0, self.request, -1])

    @cached_property
    def mean_accuracy(self) -> Array:
        """The part of each request in `accuracy` of the epoch."""
        full_accuracy = self.simulator.parameters.exits.full_accuracy
        return (1.0 + (self.correct - self.full_correct) / full_accuracy) / self.request.size

    @property
    def _log(self) -> Any:
        return self.simulator.state.requests

    @property
    def _is_streaming(self) -> bool:
        return self.simulator.scenario.dynamics == "streaming"

    def credit(self, agents: tuple[Agent, ...]) -> Array:
        """[n, A], the share of each agent in each request; shares of a request add up to 1."""
        device = self.simulator.tape.requests.device[0, self.request]
        on_way = [
            (self.node == agent.node + 1).any(axis=1) if agent.node is not None else device == agent.device
            for agent in agents
        ]
        column = np.stack(on_way, axis=1)
        return column / column.sum(axis=1, keepdims=True)


Contribution = Callable[[Answered], Array]
REQUEST_METRICS: Final[Mapping[str, Contribution]] = MappingProxyType(
    {
        "served": lambda answered: answered.outcome == SERVED,
        "late": lambda answered: answered.outcome == LATE,
        "below_quality": lambda answered: answered.outcome == BELOW_QUALITY,
        "evicted": lambda answered: answered.evicted,
        "served_value": lambda answered: (answered.outcome == SERVED) * answered.value,
        "late_value": lambda answered: (answered.outcome == LATE) * answered.value,
        "below_quality_value": lambda answered: (answered.outcome == BELOW_QUALITY) * answered.value,
        "delay_s": lambda answered: (answered.outcome == SERVED) * answered.delay_s,
        "quality": lambda answered: (answered.outcome == SERVED) * answered.quality,
        "correct": lambda answered: answered.correct,
        "full_correct": lambda answered: answered.full_correct,
        "response_s": lambda answered: answered.delay_s,
        "mean_delay_s": lambda answered: answered.delay_s / answered.request.size,
        "accuracy": lambda answered: answered.mean_accuracy,
    }
)
"""Metric -> what each answered request adds to it in an epoch, [n]."""


class AgentRewards(Protocol):
    """Rewards of all agents. Call `begin_step` before a step of the simulator, and `of_step` after it."""

    def begin_step(self, simulator: Simulator) -> None:
        """Notes what the step will change."""
        ...

    def of_step(self, simulator: Simulator, reward: float, terms: Mapping[str, float]) -> dict[str, float]:
        """Rewards by name of the agent; `terms` are the weighted metrics of the reward, `info["rewards"]`."""
        ...


class LocalRewards:
    """The part of the reward that each agent has earned."""

    def __init__(self, agents: tuple[Agent, ...]) -> None:
        self._agents = agents
        self._was_final = np.zeros(0, np.bool_)

    def begin_step(self, simulator: Simulator) -> None:
        """Notes which requests have a final outcome already."""
        self._was_final = np.isin(simulator.state.requests.outcome[0], FINAL)

    def of_step(self, simulator: Simulator, reward: float, terms: Mapping[str, float]) -> dict[str, float]:
        """What the requests have brought to each agent, and its part of the terms of no request."""
        is_final = np.isin(simulator.state.requests.outcome[0], FINAL)
        answered = Answered(simulator, np.flatnonzero(is_final & ~self._was_final))
        common = sum(value for name, value in terms.items() if name not in REQUEST_METRICS)
        own = self._earned(answered, simulator.scenario.reward) + common / len(self._agents)
        return dict(zip([agent.name for agent in self._agents], own.tolist(), strict=True))

    def _earned(self, answered: Answered, weights: Mapping[str, float]) -> Array:
        """[A], what the answered requests bring to each agent."""
        if answered.request.size == 0:
            return np.zeros(len(self._agents))
        parts = [
            weight * REQUEST_METRICS[name](answered) for name, weight in weights.items() if name in REQUEST_METRICS
        ]
        return np.sum(parts, axis=0) @ answered.credit(self._agents) if parts else np.zeros(len(self._agents))


class SharedRewards:
    """The environment's reward for every agent."""

    def __init__(self, agents: tuple[Agent, ...]) -> None:
        self._names = [agent.name for agent in agents]

    def begin_step(self, simulator: Simulator) -> None:
        """Nothing to note."""

    def of_step(self, simulator: Simulator, reward: float, terms: Mapping[str, float]) -> dict[str, float]:
        """The same reward by name of the agent."""
        return dict.fromkeys(self._names, reward)


REWARDS: Final[Mapping[str, Callable[[tuple[Agent, ...]], AgentRewards]]] = MappingProxyType(
    {"shared": SharedRewards, "local": LocalRewards}
)
"""Kind of rewards -> what makes them."""
