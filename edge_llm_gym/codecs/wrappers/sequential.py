"""A wrapper that assigns one request per step."""

import copy
from typing import Any, Final

import gymnasium
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs

from edge_llm_gym.actions import ActionError, as_array, shown
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.sequence import CURSOR, LOAD, Sequence, masks_of
from edge_llm_gym.codecs.wrappers.checks import require_dictionaries
from edge_llm_gym.codecs.wrappers.within_epoch import info_within_epoch
from edge_llm_gym.scenario import Scenario, scenario_of

Observation = dict[str, Array]
EPOCH_BEGINS: Final = "epoch_begins"


class SequentialWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """One request per step: the action assigns the request at the cursor to a node or lets it wait, slot by slot.

    Action 0 lets the request wait, k assigns it to the k-th node, K + 1 ends the epoch: all requests from the cursor on
    wait. The epoch also ends after the last request. Only then does the environment step and return the reward of the
    epoch; the reward is 0 in between, so a discount per epoch has to be converted to one per request. A node where the
    request does not fit beside those assigned before is masked; if it is chosen nevertheless, the request waits.

    The observation has two further keys: `cursor` [N], 1 at the current request, and `load` [K, 4], the share of time,
    memory and both bands that the batch so far uses. Serves algorithms for discrete actions: DQN, PPO, A2C, and
    MaskablePPO with `action_masks`.

    Infos have the same keys in all steps. Within an epoch the metrics and the terms of the reward are 0 and the slots
    report no request; tape, totals and nodes stay as they were after the epoch before. `info["epoch_begins"]` is True
    if the observation is the first one of an epoch.

    Args:
        env: an environment of batching dynamics.
        overrun_s: as for `make_expert`; one epoch by default.

    Attributes:
        codec: the `Sequence` of the environment's present scenario.

    Raises TypeError for an environment without dictionary observations and actions, and ValueError for other dynamics
    and a negative `overrun_s`.
    """

    def __init__(self, env: gymnasium.Env, overrun_s: float | None = None) -> None:
        RecordConstructorArgs.__init__(self, overrun_s=overrun_s)
        super().__init__(env)
        require_dictionaries(env)
        self._overrun_s = overrun_s
        self._follow(scenario_of(env))
        assert isinstance(env.observation_space, spaces.Dict)  # for the type checker
        self.observation_space = self.codec.observed(env.observation_space)
        self.action_space = self.codec.space
        self._observation: Observation = {}
        self._info: dict[str, Any] = {}

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]
        """As in the wrapped environment, but `max_episode_steps` is N per epoch, the most there can be."""
        if self._cached_spec is None and (spec := super().spec) is not None:
            horizon = scenario_of(self).horizon_epochs
            spec.max_episode_steps = self._scenario.slots * min(spec.max_episode_steps or horizon, horizon)
        return self._cached_spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As in the wrapped environment; the cursor is at the first request."""
        observation, self._info = self.env.reset(seed=seed, options=options)
        if scenario_of(self.env) is not self._scenario:  # after overrides of the reset
            self._follow(scenario_of(self.env))
        return self._begin(observation), copy.deepcopy(self._info) | {EPOCH_BEGINS: True}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One request, or the end of the epoch. Raises ActionError for anything but a whole number in 0..K + 1."""
        self._require_reset()
        choice = as_array(action, "an action", ())
        if choice.dtype.kind not in "iu" or not 0 <= choice < self.codec.space.n:
            raise ActionError(
                f"an action is a whole number and lies in 0..{self.codec.space.n - 1}, got {shown(action)}"
            )
        ends = self.codec.ends(int(choice)) or self._batch.put(int(choice))
        if not ends:
            return (
                self._observe(),
                0.0,
                False,
                False,
                info_within_epoch(copy.deepcopy(self._info)) | {EPOCH_BEGINS: False},
            )
        observation, reward, terminated, truncated, self._info = self.env.step(self._batch.action())
        return self._begin(observation), reward, terminated, truncated, copy.deepcopy(self._info) | {EPOCH_BEGINS: True}

    def resume(self, observation: Observation) -> Observation:
        """Begins the epoch of an observation that `env.unwrapped.restore` returned; returns it with both further keys.

        The requests that had been assigned in this epoch are assigned anew.
        """
        if scenario_of(self.env) is not self._scenario:
            self._follow(scenario_of(self.env))
        return self._begin(observation)

    def action_masks(self) -> Array:
        """[K + 2] bool: waiting and ending the epoch are always allowed, a node only if the request fits."""
        self._require_reset()
        return masks_of(self._batch)

    def _follow(self, scenario: Scenario) -> None:
        self._scenario, self.codec = scenario, Sequence(scenario, self._overrun_s)
        self._batch = self.codec.new_batch()

    def _require_reset(self) -> None:
        if not self._observation:
            raise RuntimeError("call reset() first: there is no episode yet")

    def _begin(self, observation: Observation) -> Observation:
        self._observation = observation
        self._batch.begin(observation)
        return self._observe()

    def _observe(self) -> Observation:
        return {**self._observation, CURSOR: self._batch.cursor(), LOAD: self._batch.load()}
