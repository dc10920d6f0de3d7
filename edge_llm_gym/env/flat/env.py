"""The single environment with flat observations, actions and infos."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Codec
from edge_llm_gym.codecs.sequence import SEQUENTIAL, Sequence
from edge_llm_gym.env.env import EdgeLLMEnv, EnvSnapshot
from edge_llm_gym.env.flat.info import flat_info
from edge_llm_gym.env.flat.parts import DEFAULT_CODEC, DEFAULT_OBSERVATION, acting, reading
from edge_llm_gym.env.own_functions import Feature, RewardFunction
from edge_llm_gym.rows import as_rows
from edge_llm_gym.scenario import Scenario, ScenarioSource
from edge_llm_gym.sim.simulator import Simulator

Observed = Any
"""What a model observes: a vector [F] float32, or a dictionary of token arrays."""


class FlatEnv(gymnasium.Env[Any, Any]):
    """`EdgeLLMEnv` with flat actions of a codec, a vector of scaled features, and infos of numbers.

    It has no wrappers, so `env.unwrapped` has the flat spaces. Rewards, starting states and ends of episodes are those
    of `EdgeLLMEnv` under the decoded actions. `edge_llm_gym.env.flat.info` describes the infos.

    Args:
        scenario: as for `EdgeLLMEnv`.
        codec: a name of `edge_llm_gym.codecs`, or "sequential" for one request per step (see `SequentialWrapper`).
        observation: "vector" for scaled features (see `edge_llm_gym.features.scales`), "unscaled" for the environment's
            own numbers, "tokens" for sets (a dictionary of arrays), "none" for a constant.
        overrides: as for `EdgeLLMEnv`.
        render_mode: as for `EdgeLLMEnv`.
        reward: as for `EdgeLLMEnv`.
        features: as for `EdgeLLMEnv`; they follow in the vector unscaled.
        settings: those of the codec.

    Attributes:
        structured: the environment with dictionaries.
        reader: makes observations out of those of `structured`; scales stay those of the scenario with which the
            environment was made.

    Raises ScenarioError and ValueError as `EdgeLLMEnv`, ValueError for an unknown codec or observation, TypeError for
    an unknown setting.
    """

    metadata = EdgeLLMEnv.metadata

    def __init__(
        self,
        scenario: ScenarioSource,
        codec: str = DEFAULT_CODEC,
        observation: str = DEFAULT_OBSERVATION,
        overrides: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
        reward: RewardFunction | str | None = None,
        features: Iterable[Feature | str] | None = None,
        **settings: Any,
    ) -> None:
        self.structured = EdgeLLMEnv(scenario, overrides, render_mode, reward, features)
        self.render_mode, self.metadata = self.structured.render_mode, self.structured.metadata
        self._acting = acting(self.structured, codec, settings)
        self.reader = reading(observation, codec, self._acting.observation_space, self.scenario)
        self.observation_space, self.action_space = self.reader.space, self._acting.action_space
        self._steps = self.scenario.horizon_epochs * (self.scenario.slots if codec == SEQUENTIAL else 1)
        self._observation: Mapping[str, Array] = {}
        self._spec: EnvSpec | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observed, dict[str, Any]]:
        """As `EdgeLLMEnv.reset`; a codec follows overrides that change its scenario."""
        observation, info = self._acting.reset(seed=seed, options=options)
        return self._read(observation), flat_info(info)

    def step(self, action: Any) -> tuple[Observed, float, bool, bool, dict[str, Any]]:
        """One epoch (one request in a sequence) with a flat action.

        Raises ActionError for a malformed action, RuntimeError before a reset or after the end.
        """
        observation, reward, terminated, truncated, info = self._acting.step(action)
        return self._read(observation), reward, terminated, truncated, flat_info(info)

    def action_masks(self) -> Array:
        """[sum of choices] bool, as MaskablePPO expects. Raises TypeError for a codec without masks."""
        return self._acting.action_masks()

    def render(self) -> str | np.ndarray | None:
        """As `EdgeLLMEnv.render`."""
        return self.structured.render()

    def close(self) -> None:
        """Closes the window, if there is one."""
        self.structured.close()

    def view(self) -> Any:
        """As `EdgeLLMEnv.view`."""
        return self.structured.view()

    def snapshot(self) -> EnvSnapshot:
        """As `EdgeLLMEnv.snapshot`; in a sequence, the beginning of the epoch. Raises RuntimeError before a reset."""
        return self.structured.snapshot()

    def restore(self, snapshot: EnvSnapshot) -> Observed:
        """Returns to a snapshot, and its observation. Raises ValueError for a snapshot of another scenario."""
        return self._read(self._acting.resume(self.structured.restore(snapshot)))

    def override_next_episodes(self, overrides: Mapping[str, Any]) -> None:
        """As `EdgeLLMEnv.override_next_episodes`."""
        self.structured.override_next_episodes(overrides)

    @property
    def structured_observation(self) -> Mapping[str, Array]:
        """The present observation with its keys, which experts read; in a sequence with `cursor` and `load`.

        Raises RuntimeError before a reset.
        """
        if not self._observation:
            raise RuntimeError("call reset() first: there is no episode yet")
        return self._observation

    @property
    def codec(self) -> Codec | Sequence:
        """The codec of the present scenario; a `Sequence` for "sequential"."""
        return self._acting.codec

    @property
    def scenario(self) -> Scenario:
        """As of `EdgeLLMEnv`."""
        return self.structured.scenario

    @property
    def episode_scenario(self) -> Scenario:
        """As of `EdgeLLMEnv`."""
        return self.structured.episode_scenario

    @property
    def simulator(self) -> Simulator:
        """As of `EdgeLLMEnv`."""
        return self.structured.simulator

    @property
    def spec(self) -> EnvSpec | None:
        """As of `EdgeLLMEnv`; `max_episode_steps` is the largest number of steps that an episode can have."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self.structured.spec = spec
        self._spec = self.structured.spec and replace(self.structured.spec, max_episode_steps=self._steps)

    @property
    def _np_random(self) -> np.random.Generator | None:
        """Gymnasium's private name of the generator: there is one, that of the structured environment."""
        return self.structured._np_random

    @_np_random.setter
    def _np_random(self, generator: np.random.Generator | None) -> None:
        self.structured._np_random = generator

    @property
    def _np_random_seed(self) -> int | None:
        return self.structured._np_random_seed

    @_np_random_seed.setter
    def _np_random_seed(self, seed: int | None) -> None:
        self.structured._np_random_seed = seed

    def _read(self, observation: Mapping[str, Array]) -> Observed:
        self._observation = observation
        rows = self.reader.read(as_rows(observation))
        return {key: array[0] for key, array in rows.items()} if isinstance(rows, dict) else rows[0]
