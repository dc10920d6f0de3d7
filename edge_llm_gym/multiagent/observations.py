"""Observations of agents: the local one, which holds what the agent could know, and the global one.

Local observation, for N slots, K nodes and K1 entry nodes; features and scales are those of the single environment:

| key | shape | meaning | agents |
|---|---|---|---|
| `requests` | [N, REQUEST_FEATURES] | the visible requests | entry nodes of pooled dynamics |
| `request_mask` | [N] int8 | 1 where the slot holds a request | the same |
| `spectral_efficiency` | [N, 2] | between each request's device and this node | the same |
| `arrivals`, `backlog` | [1] | of the queue | the same |
| `node` | [NODE_FEATURES] | load and constants of this node alone | nodes |
| `links` | [K, LINK_FEATURES] | links from this node to each node | nodes with links |
| `exit_confidence` | [hosted blocks, QUANTILES] | confidences that this node has computed | nodes, early exits |
| `backlog` | [1] | unfinished requests that this node will compute | nodes of streaming dynamics |
| `spectral_efficiency` | [K1, 2] | between this device and each entry node | devices |
| `arrivals` | [1] | requests of this device in the last epoch | devices |

The queue belongs to all entry nodes. Loads of other nodes, their confidences and their links to devices are left out.
A request counts in the load of a node from the epoch in which it is routed there, though it may reach the node later:
a node knows what others have sent to it.

The global observation is that of the single environment, with the key `agent` [A] int8 besides: 1 at the agent's own
index in `possible_agents`, else 0.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.multiagent.agents import Agent
from edge_llm_gym.multiagent.confidence import hosted_blocks, own_confidence
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.simulator import Simulator

Observation = dict[str, Array]
Parts = dict[str, tuple[str, Any]]
"""Key of the local observation -> key of the single environment's observation, and an index into its array."""
AGENT: Final = "agent"
QUEUE: Final[Mapping[str, tuple[str, Any]]] = MappingProxyType(
    {key: (key, ...) for key in ("requests", "request_mask", "arrivals", "backlog")}
)


def local_parts(agent: Agent, dynamics: str) -> Parts:
    """Where the local observation of an agent comes from, apart from its own confidences."""
    if agent.device is not None:
        one = slice(agent.device, agent.device + 1)
        return {"spectral_efficiency": ("spectral_efficiency", agent.device), "arrivals": ("arrivals", one)}
    node = agent.node or 0
    queue = {**QUEUE, "spectral_efficiency": ("spectral_efficiency", (slice(None), node))} if agent.bids else {}
    links = {"links": ("links", node)} if agent.routes else {}
    load = {"backlog": ("backlog", slice(node, node + 1))} if dynamics == "streaming" else {}
    return {**queue, "node": ("nodes", node), **links, **load}


class Observer(Protocol):
    """Spaces and observations of all agents."""

    spaces: dict[str, spaces.Dict]

    def observe(self, observation: Observation, simulator: Simulator) -> dict[str, Observation]:
        """Observations by name of the agent, from that of the single environment."""
        ...


class LocalObservation:
    """Spaces and observations of what each agent could know."""

    def __init__(self, agents: tuple[Agent, ...], single: spaces.Dict, simulator: Simulator) -> None:
        self._parts = {agent: local_parts(agent, simulator.scenario.dynamics) for agent in agents}
        self.spaces = {agent.name: self._space(agent, single, simulator) for agent in agents}

    def _space(self, agent: Agent, single: spaces.Dict, simulator: Simulator) -> spaces.Dict:
        chosen = {key: _part_of_space(single[source], index) for key, (source, index) in self._parts[agent].items()}
        if agent.sets_threshold:
            shape = (len(hosted_blocks(simulator, agent.node or 0)), len(QUANTILES))
            chosen["exit_confidence"] = spaces.Box(0.0, 1.0, shape, np.float32)
        return spaces.Dict(chosen)

    def observe(self, observation: Observation, simulator: Simulator) -> dict[str, Observation]:
        """Observations by name of the agent, in arrays of their own."""
        return {agent.name: self._own(agent, observation, simulator) for agent in self._parts}

    def _own(self, agent: Agent, observation: Observation, simulator: Simulator) -> Observation:
        own = {key: np.array(observation[source][index]) for key, (source, index) in self._parts[agent].items()}
        if agent.sets_threshold:
            own["exit_confidence"] = own_confidence(simulator, agent.node or 0)
        return own


def _part_of_space(space: spaces.Space[Any], index: Any) -> spaces.Space[Any]:
    """The space of `array[index]` for arrays of a space."""
    if not isinstance(space, spaces.Box):
        return type(space)(space.n)  # type: ignore[attr-defined] # MultiBinary, taken whole
    return spaces.Box(space.low[index], space.high[index], dtype=space.dtype)


class GlobalObservation:
    """Spaces and observations of everything that the single environment shows, and which agent it is."""

    def __init__(self, agents: tuple[Agent, ...], single: spaces.Dict, simulator: Simulator) -> None:
        if AGENT in single.spaces:
            raise ValueError(f"global observations have the key {AGENT!r} already; give the feature another key")
        self._marks = dict(zip([agent.name for agent in agents], np.eye(len(agents), dtype=np.int8), strict=True))
        mark = spaces.MultiBinary(len(agents))
        self.spaces = {name: deepcopy(spaces.Dict({**single.spaces, AGENT: mark})) for name in self._marks}

    def observe(self, observation: Observation, simulator: Simulator) -> dict[str, Observation]:
        """Observations by name of the agent, in arrays of their own."""
        return {name: self._marked(observation, mark) for name, mark in self._marks.items()}

    def _marked(self, observation: Observation, mark: Array) -> Observation:
        return {key: array.copy() for key, array in observation.items()} | {AGENT: mark.copy()}


OBSERVATIONS: Final[Mapping[str, Callable[[tuple[Agent, ...], spaces.Dict, Simulator], Observer]]] = MappingProxyType(
    {"local": LocalObservation, "global": GlobalObservation}
)
"""Kind of observations -> what makes them."""
