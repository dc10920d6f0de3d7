"""The agents of a scenario: its nodes, and in streaming dynamics its devices, with what each of them decides."""

from dataclasses import dataclass

from edge_llm_gym.scenario import Scenario


@dataclass(frozen=True)
class Agent:
    """One agent. Exactly one of `node` and `device` is an index, the other one is None.

    Attributes:
        name: unique name; that of the node in the scenario, or "device-0", "device-1", ...
        node: index of the node.
        device: index of the device, in streaming dynamics.
        bids: whether the agent bids for requests: entry nodes of pooled dynamics.
        routes: whether the agent sets offload weights: senders with links in dynamics with a network.
        sets_threshold: whether the agent sets a confidence threshold: nodes of dynamics with early exits.
    """

    name: str
    node: int | None
    device: int | None
    bids: bool
    routes: bool
    sets_threshold: bool


def agents_of(scenario: Scenario) -> tuple[Agent, ...]:
    """The agents of a scenario: all nodes in its order, then in streaming dynamics all devices."""
    nodes = tuple(_node_agent(scenario, index) for index in range(len(scenario.nodes)))
    return nodes + _device_agents(scenario)


def _node_agent(scenario: Scenario, index: int) -> Agent:
    network, has_exits = scenario.network, scenario.exits is not None
    return Agent(
        name=scenario.nodes[index].name,
        node=index,
        device=None,
        bids=scenario.dynamics != "streaming" and bool(network.stage[index] == 0),
        routes=has_exits and bool(network.has_link[index].any()),
        sets_threshold=has_exits,
    )


def _device_agents(scenario: Scenario) -> tuple[Agent, ...]:
    if scenario.dynamics != "streaming":
        return ()
    taken = {node.name for node in scenario.nodes}
    names = (_free_name(f"device-{device}", taken) for device in range(scenario.devices.count))
    return tuple(Agent(name, None, device, False, True, False) for device, name in enumerate(names))


def _free_name(name: str, taken: set[str]) -> str:
    """The name, with underscores appended if a node has it already."""
    while name in taken:
        name += "_"
    return name
