"""A trained network as a policy of the environment: dictionary observation in, dictionary action out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import BasePolicy

from agents.tokens import Tokens, limited
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec

Action = dict[str, Array]


class Learner:
    """Acts by the `predict` protocol, on single and batched observations, through tokens and codec."""

    def __init__(self, name: str, policy: BasePolicy, tokens: Tokens, codec: Codec) -> None:
        self.name = name
        self.policy, self.tokens, self.codec = policy, tokens, codec
        self._is_masked = isinstance(policy, MaskableActorCriticPolicy)

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Action, None]:
        """Action of the environment's own action space."""
        is_single = np.ndim(observation["nodes"]) == 2
        rows = {key: np.asarray(value)[None] for key, value in observation.items()} if is_single else dict(observation)
        action = self.codec.decode(self._flat(rows, deterministic), rows)
        return ({key: value[0] for key, value in action.items()} if is_single else action), None

    def _flat(self, rows: dict[str, Array], deterministic: bool) -> Array:
        tokens: Any = limited(self.tokens.read(rows))
        masks: Any = {"action_masks": self.codec.mask(rows)} if self._is_masked else {}
        return self.policy.predict(tokens, deterministic=deterministic, **masks)[0]
