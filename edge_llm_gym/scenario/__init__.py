"""Scenarios: schema, rules across sections, network, loading, and the shipped files."""

from edge_llm_gym.scenario.loading import ScenarioError, ScenarioSource, load_scenario, scenario_names
from edge_llm_gym.scenario.scenario import Scenario
from edge_llm_gym.scenario.source import scenario_of

__all__ = ["Scenario", "ScenarioError", "ScenarioSource", "load_scenario", "scenario_names", "scenario_of"]
