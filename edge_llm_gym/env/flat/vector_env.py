"""The native vector environment with flat observations, actions and infos."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import on_threads
from edge_llm_gym.codecs.codec import Codec
from edge_llm_gym.codecs.sequence import SEQUENTIAL
from edge_llm_gym.codecs.wrappers.vector_flat_action import CodecVectorWrapper
from edge_llm_gym.env.env import EnvSnapshot
from edge_llm_gym.env.flat.info import flat_row_infos
from edge_llm_gym.env.flat.parts import DEFAULT_CODEC, DEFAULT_OBSERVATION, reading
from edge_llm_gym.env.flat.row_values import OWN_VALUES
from edge_llm_gym.env.own_functions import Feature, RewardFunction
from edge_llm_gym.env.row_generators import Seeds
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.scenario import Scenario, ScenarioSource
from edge_llm_gym.sim.simulator import Simulator

Observed = Any
"""What a model observes in R rows: vectors [R, F] float32, or a dictionary of token arrays."""


class FlatVectorEnv(VectorEnv[Any, Any, Array]):
    """`EdgeLLMVectorEnv` with flat actions of a codec, vectors of scaled features, and infos of numbers.

    All rows are decoded together and stepped by one compiled loop. Row i of a reset with seed s equals `FlatEnv` with
    seed s + i bit for bit, also after automatic resets, in all autoreset modes of `EdgeLLMVectorEnv`.

    Arguments are those of `EdgeLLMVectorEnv` and `FlatEnv`. Raises their errors, and ValueError for a sequence, whose
    rows end their epochs in different steps.
    """

    metadata = EdgeLLMVectorEnv.metadata

    def __init__(
        self,
        num_envs: int,
        scenario: ScenarioSource,
        codec: str = DEFAULT_CODEC,
        observation: str = DEFAULT_OBSERVATION,
        overrides: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        reward: RewardFunction | str | None = None,
        features: Iterable[Feature | str] | None = None,
        num_threads: int = 1,
        **settings: Any,
    ) -> None:
        if codec == SEQUENTIAL:
            raise ValueError(
                f"rows of codec {codec!r} end their epochs in different steps, so there is no native vector of them; "
                "make it with vectorization_mode='sync'"
            )
        self.structured = EdgeLLMVectorEnv(
            num_envs, scenario, overrides, render_mode, max_episode_steps, autoreset_mode, reward, features, num_threads
        )
        self.num_envs, self.render_mode = num_envs, render_mode
        self.metadata = self.structured.metadata
        threads = on_threads(codec, self.scenario, num_threads) if isinstance(codec, str) else {}
        self._acting = CodecVectorWrapper(self.structured, codec, **(threads | settings))
        self.reader = reading(observation, codec, self.structured.single_observation_space, self.scenario)
        self.single_observation_space, self.single_action_space = self.reader.space, self._acting.single_action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = self._acting.action_space
        self._observation: Mapping[str, Array] = {}

    def reset(self, *, seed: Seeds = None, options: dict[str, Any] | None = None) -> tuple[Observed, dict[str, Any]]:
        """As `EdgeLLMVectorEnv.reset`; a codec follows overrides that change its scenario."""
        observation, info = self._acting.reset(seed=seed, options=options)
        return self._read(observation), flat_row_infos(info, self._read_final)

    def step(self, actions: Array) -> tuple[Observed, Array, Array, Array, dict[str, Any]]:
        """One epoch of every row with flat actions [R, ...].

        Raises ActionError for a malformed action of any row, before any row changes, and RuntimeError as
        `EdgeLLMVectorEnv.step`.
        """
        observation, reward, terminated, truncated, info = self._acting.step(actions)
        return self._read(observation), reward, terminated, truncated, flat_row_infos(info, self._read_final)

    def action_masks(self) -> Array:
        """[R, sum of choices] bool. Raises TypeError for a codec without masks."""
        return self._acting.action_masks()

    def render(self) -> tuple[Any, ...] | None:
        """As `EdgeLLMVectorEnv.render`."""
        return self.structured.render()

    def snapshot(self) -> tuple[EnvSnapshot, ...]:
        """As `EdgeLLMVectorEnv.snapshot`."""
        return self.structured.snapshot()

    def restore(self, snapshots: Sequence[EnvSnapshot]) -> Observed:
        """As `EdgeLLMVectorEnv.restore`."""
        return self._read(self._acting.resume(self.structured.restore(snapshots)))

    def override_next_episodes(self, overrides: Mapping[str, Any], rows: Array | None = None) -> None:
        """As `EdgeLLMVectorEnv.override_next_episodes`."""
        self.structured.override_next_episodes(overrides, rows)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """As `EdgeLLMVectorEnv.call`, with the names of `FlatEnv`. Raises AttributeError for another name."""
        if name in OWN_VALUES:
            return OWN_VALUES[name](self, *args, **kwargs)
        return self.structured.call(name, *args, **kwargs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """The attribute of every row. Raises AttributeError for an unknown name."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """As `EdgeLLMVectorEnv.set_attr`."""
        self.structured.set_attr(name, values)

    @property
    def structured_observation(self) -> Mapping[str, Array]:
        """The present observations with their keys, which experts read. Raises RuntimeError before a reset."""
        if not self._observation:
            raise RuntimeError("call reset() first: there is no episode yet")
        return self._observation

    @property
    def codec(self) -> Codec:
        """The codec of the present scenario."""
        return self._acting.codec

    @property
    def scenario(self) -> Scenario:
        """As of `EdgeLLMVectorEnv`."""
        return self.structured.scenario

    @property
    def episode_scenarios(self) -> tuple[Scenario, ...]:
        """As of `EdgeLLMVectorEnv`."""
        return self.structured.episode_scenarios

    @property
    def simulator(self) -> Simulator:
        """As of `EdgeLLMVectorEnv`."""
        return self.structured.simulator

    @property
    def autoreset_mode(self) -> AutoresetMode:
        """What happens to a row at the end of its episode."""
        return self.structured.autoreset_mode

    @property
    def spec(self) -> EnvSpec | None:
        """As of `EdgeLLMVectorEnv`."""
        return self.structured.spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self.structured.spec = spec

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of every row."""
        return self.structured.np_random

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of every row's generator."""
        return self.structured.np_random_seed

    def _read(self, observation: Mapping[str, Array]) -> Observed:
        self._observation = observation
        return self.reader.read(observation)

    def _read_final(self, finals: Array) -> Array:
        """[R] object: what the model observes at the end of an episode, None for rows that did not end."""
        rows, read = np.full(self.num_envs, None, dtype=object), self.reader.read
        for row, final in enumerate(finals):
            if final is not None:
                one = read({key: np.asarray(array)[None] for key, array in final.items()})
                rows[row] = {key: array[0] for key, array in one.items()} if isinstance(one, dict) else one[0]
        return rows

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scenario.name!r}, num_envs={self.num_envs})"
