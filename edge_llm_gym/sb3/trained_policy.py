"""A trained model as a policy of the environment: dictionary observation in, dictionary action out."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecNormalize

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec, make_codec
from edge_llm_gym.codecs.sequence import SEQUENTIAL, Sequence
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.rows import ROW_KEY, as_rows, first_row, is_single
from edge_llm_gym.sb3.observations import observation_reader
from edge_llm_gym.scenario import Scenario, scenario_of

Action = dict[str, Array]


class DecodedPolicy:
    """Acts by the `predict` protocol, on single observations and on batches, through a codec.

    Args:
        model: a model or policy of Stable-Baselines3, sb3-contrib or SBX, trained on a flat id or through wrappers. How
            it reads observations follows from its observation space (see `sb3.observations`).
        env: the environment in which it acts, single or vector, or its scenario.
        codec: name of the codec that the model was trained with, with its settings, or an object; "sequential" for a
            model of a "Sequential" id or of `SequentialWrapper`.
        name: in tables and errors.
        normalizer: the VecNormalize of the training, if there was one: it normalises what the model observes.
        settings: those of the codec.

    Raises ValueError where the spaces of the model do not fit `env`.
    """

    def __init__(
        self,
        model: BaseAlgorithm | BasePolicy,
        env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario,
        codec: str | Codec = "priority",
        *,
        name: str = "trained policy",
        normalizer: VecNormalize | None = None,
        **settings: Any,
    ) -> None:
        scenario = scenario_of(env)
        self.name, self.model, self._normalizer = name, model, normalizer
        self.codec = _codec(codec, scenario, settings)
        if model.action_space != self.codec.space:
            raise ValueError(
                f"the model acts in {model.action_space}, but the codec takes {self.codec.space} in scenario "
                f"{scenario.name!r}; choose the codec and the scenario that the model was trained with"
            )
        observed = _observed(env, scenario)
        if isinstance(self.codec, Sequence):
            observed = self.codec.observed(observed)
        self.reader = observation_reader(model.observation_space, observed, scenario)
        policy = model.policy if isinstance(model, BaseAlgorithm) else model
        self._is_masked = isinstance(policy, MaskableActorCriticPolicy)

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Action, Any]:
        """Action of the environment's own action space, and the next recurrent state (None without one)."""
        single = is_single(observation)
        rows = as_rows(observation) if single else dict(observation)
        act = self._sequence if isinstance(self.codec, Sequence) else self._epoch
        action, state = act(rows, state, episode_start, deterministic)
        return (first_row(action) if single else action), state

    def _epoch(self, rows: Mapping[str, Array], state: Any, start: Any, deterministic: bool) -> tuple[Action, Any]:
        assert not isinstance(self.codec, Sequence)
        masks = self.codec.mask(rows) if self._is_masked else None
        flat, state = self._choose(rows, masks, state, start, deterministic)
        return self.codec.decode(flat, rows), state

    def _sequence(self, rows: Mapping[str, Array], state: Any, start: Any, deterministic: bool) -> tuple[Action, Any]:
        """The choices of one epoch. Rows that have ended theirs are asked along, and their states kept."""
        assert isinstance(self.codec, Sequence)
        states, starts = [state], [start]

        def choose(seen: dict[str, Array], masks: Array, choosing: Array) -> Array:
            before = states[0]
            choices, after = self._choose(seen, masks if self._is_masked else None, before, starts[0], deterministic)
            states[0] = _merged(after, before, choosing)
            starts[0] = np.zeros(len(choosing), np.bool_)
            return choices

        return self.codec.decode_epoch(rows, choose), states[0]

    def _choose(
        self, rows: Mapping[str, Array], masks: Array | None, state: Any, start: Any, deterministic: bool
    ) -> tuple[Array, Any]:
        """Flat actions [R, ...] of the model, and its next state."""
        model: Any = self.model
        seen = self.reader.read(rows)
        if self._normalizer is not None:
            seen = self._normalizer.normalize_obs(seen)
        arguments = {} if masks is None else {"action_masks": masks}
        flat, state = model.predict(seen, state, start, deterministic, **arguments)
        return np.asarray(flat).reshape(len(rows[ROW_KEY]), *(self.codec.space.shape or ())), state


def _codec(codec: str | Codec, scenario: Scenario, settings: dict[str, Any]) -> Codec | Sequence:
    if codec == SEQUENTIAL:
        return Sequence(scenario, **settings)
    return make_codec(codec, scenario, **settings) if isinstance(codec, str) else codec


def _observed(env: Any, scenario: Scenario) -> spaces.Dict:
    """The space of the observations that the policy is given: that of `env`, which may have features of its own."""
    space = getattr(env, "single_observation_space", None) or getattr(env, "observation_space", None)
    return space if isinstance(space, spaces.Dict) else interface_of(scenario).observation_space(scenario)


def _merged(after: Any, before: Any, rows: Array) -> Any:
    """The recurrent states [layers, R, hidden], new in the chosen [R] bool rows."""
    if after is None or before is None:
        return after
    return tuple(np.where(rows[:, None], new, old) for new, old in zip(after, before, strict=True))
