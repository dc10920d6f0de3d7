"""Scenarios of single episodes: what may differ between the episodes of one environment.

A scenario has two parts. *Tape settings* say how tapes are drawn: arrivals, lengths within the limits, properties of
requests, positions of the devices, radio channel and drift. Everything else is the *frame*: nodes, network, model,
reward, limits and other constants. Spaces, scales of observations and schedulers follow from the frame, and from the
tape settings with which the environment was made.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from edge_llm_gym.messages import quoted
from edge_llm_gym.scenario.scenario import Scenario

FRAME_LENGTHS: Final = ("max_prompt_tokens", "max_output_tokens", "prediction")
"""Keys of `lengths` that belong to the frame."""


def frame_of(base: Scenario, episode: Scenario) -> Scenario:
    """The scenario of an episode with the tape settings of `base`, which has the same dynamics."""
    limits = {key: getattr(episode.lengths, key) for key in FRAME_LENGTHS}
    exits = episode.exits
    if exits is not None and base.exits is not None:
        exits = exits.model_copy(update={"drift": base.exits.drift})
    return episode.model_copy(
        update={
            "arrivals": base.arrivals,
            "lengths": base.lengths.model_copy(update=limits),
            "requests": base.requests.model_copy(update={"bits_per_token": episode.requests.bits_per_token}),
            "devices": episode.devices.model_copy(update={"area_m": base.devices.area_m}),
            "channel": base.channel.model_copy(
                update={"spectral_efficiency_cap": episode.channel.spectral_efficiency_cap}
            ),
            "exits": exits,
        }
    )


def changed_keys(one: Scenario, other: Scenario) -> list[str]:
    """Keys at the top of a scenario file whose values differ."""
    return [key for key in type(one).model_fields if getattr(one, key) != getattr(other, key)]


SCALES: Final[Mapping[str, Callable[[Scenario], float]]] = MappingProxyType(
    {
        "the longest latency budget in s (requests.budget_s, requests.budget_per_output_token_s)": lambda scenario: (
            scenario.max_budget_s
        ),
        "the largest value (requests.value)": lambda scenario: scenario.requests.value[1],
        "the largest requests.uplink_payload.bits": lambda scenario: scenario.requests.uplink_payload.bits[1],
        "the largest requests.downlink_payload.bits": lambda scenario: scenario.requests.downlink_payload.bits[1],
    }
)
"""Tape settings by which observations are scaled."""


def require_scales(frame: Scenario, episode: Scenario) -> None:
    """Raises ValueError if a tape of `episode` could hold more than the scales of the observations of `frame`."""
    for name, scale in SCALES.items():
        if scale(episode) > scale(frame):
            raise ValueError(
                f"overrides of a reset must not raise {name}, since observations are scaled by it, got "
                f"{quoted(scale(episode))} where the environment has {quoted(scale(frame))}; make the environment with "
                f"the wider range and narrow it at a reset"
            )
