"""A trained model as a policy of the environment: dictionary observation in, dictionary action out."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec, make_codec
from edge_llm_gym.sb3.observations import observation_reader
from edge_llm_gym.scenario import Scenario, scenario_of

Action = dict[str, Array]


class DecodedPolicy:
    """Acts by the `predict` protocol, on single observations and on batches, through a codec.

    `model` is a model or policy of Stable-Baselines3 or sb3-contrib whose action space is that of the codec, given by
    name with its settings or as an object. How it reads observations follows from its observation space (see
    `sb3.observations`). Raises ValueError where the spaces do not fit `env`, an environment or a scenario.
    """

    def __init__(
        self,
        model: BaseAlgorithm | BasePolicy,
        env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario,
        codec: str | Codec = "priority",
        *,
        name: str = "trained policy",
        **settings: Any,
    ) -> None:
        scenario = scenario_of(env)
        self.name, self.model = name, model
        self.codec = make_codec(codec, scenario, **settings) if isinstance(codec, str) else codec
        if model.action_space != self.codec.space:
            raise ValueError(
                f"the model acts in {model.action_space}, but the codec takes {self.codec.space} in scenario "
                f"{scenario.name!r}; choose the codec and the scenario that the model was trained with"
            )
        self.reader = observation_reader(model.observation_space, scenario)
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
        is_single = np.ndim(observation["nodes"]) == 2
        rows = {key: np.asarray(value)[None] for key, value in observation.items()} if is_single else dict(observation)
        masks: Any = {"action_masks": self.codec.mask(rows)} if self._is_masked else {}
        model: Any = self.model
        flat, state = model.predict(self.reader.read(rows), state, episode_start, deterministic, **masks)
        action = self.codec.decode(flat, rows)
        return ({key: value[0] for key, value in action.items()} if is_single else action), state
