"""Labels from lookahead, for codec "prices": what each of several actions of a state returned in resampled futures.

The network learns prices under which the net values of the actions differ as their returns do. Its tokens hold
the arrays of `edge_llm_gym.features.tokens`, and besides

- `batches` [C, N] int8: the batches of C actions of the state, the first one that of the linear policy;
- `overtime_s` [C, K]: seconds by which they run beyond the time that costs nothing;
- `price` [N, K] and `node_time_price` [K]: the prices of the linear policy.
"""

from typing import Any, Final

import numpy as np

from agents.config import ImitationConfig
from agents.imitation.labels import Arrays
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.prices import Prices
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.linear.neighbours import Perturbations, alternatives, overtime_s
from edge_llm_gym.linear.pricing import PricedEpochs
from edge_llm_gym.lookahead import ROLLOUT, Rollouts
from edge_llm_gym.lookahead.policy import best_candidate
from edge_llm_gym.lookahead.registry import checked_settings
from edge_llm_gym.sb3.trained_policy import DecodedPolicy
from edge_llm_gym.settings import ConfigError

BEST_SHARE: Final = 0.25
"""Share of the decisions of which the action with the best return is taken, so that better states are seen."""


class LookaheadLabels:
    """Acts in all rows of `envs`, and keeps for each state the returns of several actions.

    In the first round the linear policy acts, and in later ones the agent, whose own action is then the second one that
    is tried.
    """

    def __init__(self, envs: EdgeLLMVectorEnv, agent: DecodedPolicy, imitation: ImitationConfig, round_: int) -> None:
        assert isinstance(agent.codec, Prices)
        self._envs, self._agent, self._codec = envs, agent, agent.codec
        self._settings = checked_settings(split_settings(imitation.expert)[1])
        self._rollouts = Rollouts(self._codec.policy, self._settings)
        self._agent_acts = round_ > 0
        self._rng = np.random.default_rng([imitation.seed, round_])
        self.tokens: list[Arrays] = []
        self.labels: list[Array] = []

    def predict(
        self, observation: Arrays, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Arrays, Any]:
        """The action that is taken in each row."""
        epochs = self._codec.priced(observation)
        own = self._agent.predict(observation, deterministic=True)[0]["batch"] if self._agent_acts else None
        node = np.concatenate([self._tried(epochs.part(slice(row, row + 1))) for row in range(len(epochs.price))])
        if own is not None:
            node[:, 1] = own
        actions = {
            key: array.reshape(*node.shape[:2], *array.shape[1:]) for key, array in alternatives(node, epochs).items()
        }
        returns = np.stack([self._returns(actions, row) for row in range(len(node))])
        self._keep(observation, epochs, node, returns)
        taken = [self._taken(of_row) for of_row in returns]
        return {key: array[np.arange(len(taken)), taken] for key, array in actions.items()}, state

    def _tried(self, epochs: PricedEpochs) -> Array:
        """[1, C, N] batches under perturbations of the row's own."""
        _, slots, nodes = epochs.price.shape
        perturbations = Perturbations.draw(self._rng, self._settings.candidates, slots, nodes)
        return self._codec.candidates(epochs, perturbations)

    def _returns(self, actions: Arrays, row: int) -> Array:
        own = {key: array[row] for key, array in actions.items()}
        return self._rollouts.returns(self._envs.simulator, row, own, self._rng)

    def _taken(self, returns: Array) -> int:
        if self._rng.random() < BEST_SHARE:
            return best_candidate(returns, self._settings.margin)
        return int(self._agent_acts)

    def _keep(self, observation: Arrays, epochs: PricedEpochs, node: Array, returns: Array) -> None:
        tokens: Any = self._agent.reader.read(observation)
        self.tokens.append(
            tokens
            | {
                "batches": node.astype(np.int8),
                "overtime_s": overtime_s(node, epochs).astype(np.float32),
                "price": epochs.price.astype(np.float32),
                "node_time_price": epochs.node_time_price.astype(np.float32),
            }
        )
        gain = returns - returns[:, :1]
        error = gain.std(axis=2, ddof=1) / np.sqrt(gain.shape[2])
        self.labels.append(np.stack([gain.mean(axis=2), error], axis=2).astype(np.float32))


def check_lookahead(config_codec: str, imitation: ImitationConfig) -> bool:
    """Whether labels come from lookahead.

    Raises ConfigError for a lookahead without codec "prices", for that codec without lookahead, for settings that are
    unknown or out of range, and for too few actions or futures.
    """
    name, given = split_settings(imitation.expert)
    if (name == ROLLOUT) != (config_codec == "prices"):
        raise ConfigError(
            f"imitation: codec 'prices' learns from expert {ROLLOUT!r}, and no other codec does, got codec "
            f"{config_codec!r} with expert {imitation.expert!r}"
        )
    if name != ROLLOUT:
        return False
    try:
        settings = checked_settings(given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"imitation.expert: {error}") from error
    if min(settings.candidates, settings.futures) < 2:
        raise ConfigError(
            f"imitation.expert: gains and their errors need at least 2 candidates and 2 futures, got "
            f"{settings.candidates} and {settings.futures}"
        )
    return True
