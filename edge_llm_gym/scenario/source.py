"""The scenario of an environment."""

from typing import Any

from edge_llm_gym.scenario.scenario import Scenario


def scenario_of(env: Any) -> Scenario:
    """The scenario of an environment (single or vector, through any wrappers), or the scenario itself.

    Vector environments that hold single ones, such as Gymnasium's SyncVectorEnv and Stable-Baselines3's DummyVecEnv,
    are asked for the scenarios of all rows. Raises TypeError for anything else, and ValueError for rows of different
    scenarios.
    """
    inner = getattr(env, "unwrapped", None)
    scenario = env if isinstance(env, Scenario) else getattr(inner, "scenario", None)
    if scenario is None and hasattr(inner, "get_attr"):
        scenario = _common(inner)
    if not isinstance(scenario, Scenario):
        raise TypeError(f"expected an Edge LLM Gym environment or a Scenario, got {env!r}")
    return scenario


def _common(env: Any) -> Any:
    """The scenario of all rows; None for rows without one."""
    try:
        first, *others = env.get_attr("scenario")
    except AttributeError:
        return None
    if any(other != first for other in others):
        raise ValueError("all rows of a vector environment need the same scenario, got rows with different ones")
    return first
