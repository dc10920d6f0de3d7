"""A codec of an environment whose scenario may change at a reset."""

from typing import Any

from edge_llm_gym.codecs import Codec, make_codec
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.episodes import changed_keys


class BoundCodec:
    """A codec given by its name and settings, which follows the scenario of its environment, or as an object.

    Attributes:
        codec: that of the present scenario.

    Raises TypeError for settings together with a codec object.
    """

    def __init__(self, scenario: Scenario, codec: str | Codec, settings: dict[str, Any]) -> None:
        if settings and not isinstance(codec, str):
            raise TypeError(f"settings go with a codec's name, got {sorted(settings)} beside a {type(codec).__name__}")
        self._scenario, self._given, self._settings = scenario, codec, settings
        self.codec = make_codec(codec, scenario, **settings) if isinstance(codec, str) else codec

    def follow(self, scenario: Scenario) -> None:
        """Makes the codec anew where overrides of a reset changed the scenario of the environment.

        Raises ValueError for a codec object then, which belongs to the former scenario.
        """
        if scenario is self._scenario:
            return
        if not isinstance(self._given, str):
            raise ValueError(
                f"a codec object belongs to the scenario it was made for, and overrides of the reset changed "
                f"{', '.join(changed_keys(self._scenario, scenario))}; give the codec by its name"
            )
        self._scenario, self.codec = scenario, make_codec(self._given, scenario, **self._settings)


def masks_of(codec: Codec, observation: Any) -> Any:
    """[R, sum of choices] bool for observations of R rows. Raises TypeError for a codec without masks."""
    mask = codec.mask(observation)
    if mask is None:
        raise TypeError(f"{type(codec).__name__} actions are continuous and have no masks")
    return mask
