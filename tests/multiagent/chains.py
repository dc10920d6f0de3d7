"""Scenarios with one node per stage, in which a node knows all that the network knows about its blocks."""

from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.scenario.loading import scenario_data


def chain(name: str, nodes: list[str], **overrides) -> Scenario:
    """A shipped scenario with these nodes alone, one of each stage."""
    data = scenario_data(load_scenario(name, overrides))
    data["nodes"] = [node for node in data["nodes"] if node["name"] in nodes]
    data["links"] = [link for link in data["links"] if {link["source"], link["target"]} <= set(nodes)]
    return load_scenario(data)
