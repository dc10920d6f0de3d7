"""Actions of agents: their spaces, the rule that joins them to one action of the environment, and its inverse.

**Bidding rule.** Every entry node bids a number in [-1, 1] for each slot. The node with the highest bid takes the
request if that bid is above 0; of equal bids, that of the first node counts. Without a positive bid the request waits.
The bandwidth weights of a request are those of the node that takes it.

Offload rows and thresholds are taken as they are: each agent sets its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from edge_llm_gym.actions import ActionError, as_array, checked_entries, dtype_name, shown
from edge_llm_gym.arrays import Array
from edge_llm_gym.multiagent.agents import Agent
from edge_llm_gym.scenario import Scenario

AgentAction = dict[str, Array]
BID, BANDWIDTH, OFFLOAD, THRESHOLD = "bid", "bandwidth", "offload", "threshold"


def action_space(agent: Agent, scenario: Scenario) -> spaces.Dict:
    """Action space of an agent, for N slots and K nodes; all numbers are float32.

    | key | shape | values | meaning | agents |
    |---|---|---|---|---|
    | `bid` | [N] | [-1, 1] | score for each slot; the highest positive bid takes the request | entry nodes, pooled |
    | `bandwidth` | [N, 2] | [0, 1] | weights of the uplink and downlink shares among the node's requests | the same |
    | `offload` | [K] | [0, 1] | weights of the next node, among the agent's links | senders with links, exits |
    | `threshold` | [1] | [0, 1] | confidence at which requests leave at the exits of the node | nodes, exits |
    """
    bounds = {BID: -1.0, BANDWIDTH: 0.0, OFFLOAD: 0.0, THRESHOLD: 0.0}
    shapes = action_shapes(agent, scenario)
    return spaces.Dict({key: spaces.Box(bounds[key], 1.0, shape, np.float32) for key, shape in shapes.items()})


def action_shapes(agent: Agent, scenario: Scenario) -> dict[str, tuple[int, ...]]:
    """Shapes of the parts of an agent's action, by key."""
    bids = {BID: (scenario.slots,), BANDWIDTH: (scenario.slots, 2)} if agent.bids else {}
    routes = {OFFLOAD: (len(scenario.nodes),)} if agent.routes else {}
    return {**bids, **routes, **({THRESHOLD: (1,)} if agent.sets_threshold else {})}


def joined_action(actions: Any, agents: Sequence[Agent], scenario: Scenario) -> AgentAction:
    """The action of the single environment that the actions of all agents, by name, make together.

    Raises ActionError for a missing or unknown agent, and as the environment does for a malformed action of an agent.
    """
    entries = _checked_agents(actions, agents)
    checked = {agent: _checked_action(entries[agent.name], agent, scenario) for agent in agents}
    return _joined_bids(checked) | _joined_routes(checked, scenario)


def _checked_agents(actions: Any, agents: Sequence[Agent]) -> dict[str, Any]:
    try:
        return checked_entries(actions, [agent.name for agent in agents])
    except ActionError as error:
        raise ActionError(f"pass an action for every agent, by its name: {error}") from None


def _checked_action(action: Any, agent: Agent, scenario: Scenario) -> AgentAction:
    """The parts of an agent's action as arrays. Raises ActionError, which names the agent."""
    shapes = action_shapes(agent, scenario)
    try:
        entries = checked_entries(action, list(shapes))
        return {key: _checked_part(entries[key], key, shape) for key, shape in shapes.items()}
    except ActionError as error:
        raise ActionError(f"agent {agent.name!r}: {error}") from None


def _checked_part(value: Any, key: str, shape: tuple[int, ...]) -> Array:
    array, low = as_array(value, f"action {key!r}", shape), -1.0 if key == BID else 0.0
    if array.dtype.kind not in "fiu":
        raise ActionError(f"action {key!r} holds numbers from {low:g} to 1, got dtype {dtype_name(array)}")
    if not (array.min() >= low and array.max() <= 1.0):  # NaN fails both
        raise ActionError(f"action {key!r} must lie in [{low:g}, 1], got values from {array.min()} to {array.max()}")
    return array


def winners(bids: Array) -> Array:
    """[N] int64 in 0..K1: the node that takes each slot's request, counted from 1; 0 if it waits.

    bids [K1, N] are those of the entry nodes.
    """
    return np.where(bids.max(axis=0) > 0.0, bids.argmax(axis=0) + 1, 0)


def _joined_bids(actions: Mapping[Agent, AgentAction]) -> AgentAction:
    bidders = [action for agent, action in actions.items() if agent.bids]
    if not bidders:
        return {}
    batch, weights = winners(np.stack([action[BID] for action in bidders])), [action[BANDWIDTH] for action in bidders]
    bandwidth = np.stack(weights)[np.maximum(batch - 1, 0), np.arange(batch.size)]
    return {"batch": batch, BANDWIDTH: np.where(batch[:, None] > 0, bandwidth, 0.0)}


def _joined_routes(actions: Mapping[Agent, AgentAction], scenario: Scenario) -> AgentAction:
    if scenario.exits is None:
        return {}
    nodes, devices = len(scenario.nodes), first_node_row(scenario)
    offload, threshold = np.zeros((devices + nodes, nodes), np.float32), np.zeros(nodes, np.float32)
    for agent, action in actions.items():
        if agent.routes:
            offload[offload_row(agent, scenario)] = action[OFFLOAD]
        if agent.sets_threshold:
            threshold[agent.node] = action[THRESHOLD][0]
    return {OFFLOAD: offload, THRESHOLD: threshold}


def first_node_row(scenario: Scenario) -> int:
    """Rows of devices before those of nodes in `offload`."""
    return scenario.devices.count if scenario.dynamics == "streaming" else 0


def offload_row(agent: Agent, scenario: Scenario) -> int:
    """The row of `offload` that an agent sets."""
    return agent.device if agent.device is not None else first_node_row(scenario) + (agent.node or 0)


def split_action(action: Mapping[str, Array], agents: Sequence[Agent], scenario: Scenario) -> dict[str, AgentAction]:
    """The actions of all agents, by name, that together make an action of the single environment.

    The node that takes a request bids 1 and the others -1. Rewards and observations are those of `action` to the last
    bit. Raises ActionError for an action that lacks a part.
    """
    keys = {key for agent in agents for key in action_shapes(agent, scenario)} - {BID}
    for key in keys | ({"batch"} if BANDWIDTH in keys else set()):
        if key not in action:
            raise ActionError(f"an action of scenario {scenario.name!r} has the key {key!r}, got {shown(list(action))}")
    return {agent.name: _own_part(action, agent, scenario) for agent in agents}


def _own_part(action: Mapping[str, Array], agent: Agent, scenario: Scenario) -> AgentAction:
    part: AgentAction = {}
    if agent.bids:
        own = np.asarray(action["batch"]) == (agent.node or 0) + 1
        part[BID] = np.where(own, 1.0, -1.0).astype(np.float32)
        part[BANDWIDTH] = np.where(own[:, None], action[BANDWIDTH], 0.0).astype(np.float32)
    if agent.routes:
        part[OFFLOAD] = np.array(action[OFFLOAD][offload_row(agent, scenario)], np.float32)
    if agent.sets_threshold:
        part[THRESHOLD] = np.array([action[THRESHOLD][agent.node]], np.float32)
    return part
