"""A policy that returns the flat actions of a codec."""

from typing import Any

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec
from edge_llm_gym.experts.policy import Observation, Policy
from edge_llm_gym.rows import as_rows, is_single


class EncodedPolicy:
    """Encodes the actions of a policy, an expert for example, with a codec.

    For clients that index actions by environment, such as Stable-Baselines3's `evaluate_policy`, together with a
    CodecWrapper of the same codec.
    """

    def __init__(self, policy: Policy, codec: Codec) -> None:
        self.policy, self.codec = policy, codec

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Array, Any]:
        """Flat action of an observation, or flat actions [R, ...] of a batch, and the policy's next state."""
        action, state = self.policy.predict(observation, state, episode_start, deterministic)
        if is_single(observation):
            return self.codec.encode(as_rows(action), as_rows(observation))[0], state
        return self.codec.encode(action, observation), state
