"""Overrides of a reset: the scenario of the next episodes, with the shapes of the environment's own."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.messages import quoted
from edge_llm_gym.scenario import Scenario, ScenarioError, load_scenario
from edge_llm_gym.scenario.episodes import changed_keys, frame_of, require_scales


class EpisodeScenario(NamedTuple):
    """The scenario of an episode: what the simulator and its observations follow, and what tapes are drawn from."""

    frame: Scenario
    tape: Scenario


SHAPES: Final[Mapping[str, Callable[[Scenario], Any]]] = MappingProxyType(
    {
        "dynamics": lambda scenario: scenario.variant,
        "horizon_epochs": lambda scenario: scenario.horizon_epochs,
        "the metrics": lambda scenario: scenario.metrics,
        "the terms of the reward": lambda scenario: sorted(scenario.reward),
        "whether output lengths are predicted": lambda scenario: scenario.lengths.prediction.sigma > 0,
        "the observation space": lambda scenario: interface_of(scenario).observation_space(scenario),
        "the action space": lambda scenario: interface_of(scenario).action_space(scenario),
    }
)
"""What all episodes of an environment share: lengths of episodes, spaces, and the structure of infos."""


def episode_scenario(base: Scenario, overrides: Any) -> EpisodeScenario:
    """The scenario of the next episodes: overrides count from `base`, with which the environment was made.

    Raises ScenarioError for overrides that are no mapping or violate a rule, that change the length of episodes, a
    space or the structure of infos, or that exceed a scale of the observations.
    """
    if not isinstance(overrides, Mapping):
        raise ScenarioError(
            f"options['overrides'] maps dotted paths to values, got {quoted(overrides)}; pass for example "
            "{'arrivals.rate_per_s': 2.0}, or {} for the scenario with which the environment was made"
        )
    episode = load_scenario(base, overrides)
    _require_shapes(base, episode)
    frame = frame_of(base, episode)
    try:
        require_scales(frame, episode)
    except ValueError as error:
        raise ScenarioError(str(error)) from None
    return EpisodeScenario(base if frame == base else frame, episode)


def require_same_frame(present: Scenario, wanted: Scenario) -> None:
    """Raises ScenarioError unless the frames are equal: rows of a vector environment share one, and so does an episode
    that goes on.
    """
    if present != wanted:
        raise ScenarioError(
            "overrides without a reset of all rows may only change tape settings (arrivals, lengths, requests, "
            f"devices.area_m, channel, exits.drift), got changes of {', '.join(changed_keys(present, wanted))}; reset "
            "all rows with them, and repeat them in later overrides"
        )


def _require_shapes(base: Scenario, episode: Scenario) -> None:
    for name, shape in SHAPES.items():
        own, other = shape(base), shape(episode)
        if own != other:
            raise ScenarioError(
                f"overrides of a reset must not change {name}, got {quoted(other)} where the environment has "
                f"{quoted(own)}; make another environment for it"
            )
