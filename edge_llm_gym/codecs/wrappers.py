"""Wrappers that give learning libraries the actions and observations they can take.

`CodecWrapper` serves the algorithms that its codec names (`edge_llm_gym.codecs`), `SequentialWrapper` those of one
discrete choice a step (DQN, MaskablePPO), `FlatObservation` those that want one vector; `EncodedPolicy` lets an expert
act through a codec. The order from inside out is environment, codec or sequence, flat observation; Gymnasium's own
wrappers go around.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from edge_llm_gym.actions import ActionError
from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs import Codec, make_codec
from edge_llm_gym.decoding.batching import checked_overrun_s
from edge_llm_gym.decoding.partial_batch import PartialBatch
from edge_llm_gym.experts import Policy
from edge_llm_gym.scenario import scenario_of

Dictionary = dict[str, Array]


class CodecWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Flat actions through a codec, given by name with its settings or as an object.

    Raises TypeError around anything but dictionary observations and actions, and for settings beside an object.
    """

    def __init__(self, env: gymnasium.Env, codec: str | Codec, **settings: Any) -> None:
        RecordConstructorArgs.__init__(self, codec=codec, **settings)
        super().__init__(env)
        _require_dictionaries(env)
        if settings and not isinstance(codec, str):
            raise TypeError(f"settings go with a codec's name, got {sorted(settings)} beside a {type(codec).__name__}")
        self.codec = make_codec(codec, scenario_of(env), **settings) if isinstance(codec, str) else codec
        self.action_space = self.codec.space
        self._seen: Mapping[str, Array] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As the environment's own."""
        self._seen, info = self.env.reset(seed=seed, options=options)
        return self._seen, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One epoch of a flat action. Raises ActionError for a malformed one, RuntimeError before a reset."""
        decoded = self.codec.decode(np.asarray(action)[None], self._rows())
        self._seen, reward, terminated, truncated, info = self.env.step({k: v[0] for k, v in decoded.items()})
        return self._seen, reward, terminated, truncated, info

    def action_masks(self) -> Array:
        """[sum of choices] bool, as MaskablePPO asks for. Raises TypeError for a codec without masks."""
        mask = self.codec.mask(self._rows())
        if mask is None:
            raise TypeError(f"{type(self.codec).__name__} actions are continuous and have no masks")
        return mask[0]

    def _rows(self) -> Dictionary:
        if self._seen is None:
            raise RuntimeError("call reset() first: there is no episode yet")
        return _as_rows(self._seen)


class EncodedPolicy:
    """A policy of the environment's own actions, an expert say, that speaks a codec's flat ones.

    For clients that index actions by environment, such as Stable-Baselines3's `evaluate_policy`, together with a
    CodecWrapper of the same codec.
    """

    def __init__(self, policy: Policy, codec: Codec) -> None:
        self.policy, self.codec = policy, codec

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[Array, Any]:
        """Flat action of an observation, or flat actions [R, ...] of a batch."""
        action, state = self.policy.predict(observation, state, episode_start, deterministic)
        if np.ndim(observation["backlog"]) == 2:
            return self.codec.encode(action, observation), state
        return self.codec.encode(_as_rows(action), _as_rows(observation))[0], state


class SequentialWrapper(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """One request at a time: a step puts the request at the cursor on a node or lets it wait, slot after slot.

    Action 0 lets it wait, k puts it on the k-th node, K + 1 closes the epoch at once: everybody from the cursor on
    waits. The epoch also closes by itself behind the last request. Only then does the environment step, and the reward
    of the epoch is given; it is 0 in between, so a discount that is meant per epoch must be taken close to 1. A node
    where the request does not fit with those put there before is masked; chosen all the same, the request waits.

    The observation adds `cursor` [N] (1 at the request asked about) and `load` [K, 4] (the share of time, memory and
    bands that the batch so far takes). Serves algorithms of discrete actions: DQN, PPO, A2C, and MaskablePPO with
    `action_masks`. `overrun_s` is that of `make_expert`, one epoch when left out.
    """

    def __init__(self, env: gymnasium.Env, overrun_s: float | None = None) -> None:
        RecordConstructorArgs.__init__(self, overrun_s=overrun_s)
        super().__init__(env)
        _require_dictionaries(env)
        scenario = scenario_of(env)
        if scenario.dynamics != "batching":
            raise ValueError(f"requests are asked about in dynamics 'batching' alone, got {scenario.dynamics!r}")
        self._slots, self._nodes = scenario.slots, len(scenario.nodes)
        self._batch = PartialBatch(scenario, checked_overrun_s(scenario, overrun_s))
        assert isinstance(env.observation_space, spaces.Dict)  # for the type checker
        extra: dict[str, spaces.Space[Any]] = {
            "cursor": spaces.Box(0.0, 1.0, (self._slots,), np.float32),
            "load": spaces.Box(0.0, 1.0, (self._nodes, 4), np.float32),
        }
        self.observation_space = spaces.Dict({**env.observation_space.spaces, **extra})
        self.action_space = spaces.Discrete(self._nodes + 2)
        self._seen: Dictionary = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """As the environment's own; the cursor stands at the first request."""
        seen, info = self.env.reset(seed=seed, options=options)
        return self._begin(seen), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One request, or the end of the epoch. Raises ActionError for anything but a whole number in 0..K + 1."""
        self._require_reset()
        choice = np.asarray(action)
        if choice.ndim or choice.dtype.kind not in "iu" or not 0 <= choice <= self._nodes + 1:
            raise ActionError(f"an action is a whole number and lies in 0..{self._nodes + 1}, got {action!r}")
        closes = int(choice) == self._nodes + 1 or self._batch.put(int(choice))
        if not closes:
            return self._observe(), 0.0, False, False, {}
        seen, reward, terminated, truncated, info = self.env.step(self._batch.action())
        return self._begin(seen), reward, terminated, truncated, info

    def action_masks(self) -> Array:
        """[K + 2] bool: waiting and closing are always allowed, a node where the request fits."""
        self._require_reset()
        return np.concatenate([[True], self._batch.fits(), [True]])

    def _require_reset(self) -> None:
        if not self._seen:
            raise RuntimeError("call reset() first: there is no episode yet")

    def _begin(self, seen: Dictionary) -> Dictionary:
        self._seen = seen
        self._batch.begin(seen)
        return self._observe()

    def _observe(self) -> Dictionary:
        return {**self._seen, "cursor": self._batch.cursor(), "load": self._batch.load()}


class FlatObservation(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """All keys of a dictionary observation in one float32 vector, in the order of their names; each flattened by rows.

    Serves policies that take vectors. `layout` tells key -> slice of the vector.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        if not isinstance(env.observation_space, spaces.Dict):
            raise TypeError(f"only dictionary observations are flattened, got {env.observation_space}")
        low, high, self.layout, begin = [], [], {}, 0
        for key, space in sorted(env.observation_space.spaces.items()):
            box = _bounds(space)
            low.append(box[0].ravel())
            high.append(box[1].ravel())
            self.layout[key] = slice(begin, begin + box[0].size)
            begin += box[0].size
        self.observation_space = spaces.Box(np.concatenate(low), np.concatenate(high), dtype=np.float32)

    def observation(self, observation: Mapping[str, Array]) -> Array:
        """The vector [sum of sizes] float32."""
        return np.concatenate([np.asarray(observation[key], np.float32).ravel() for key in self.layout])

    def action_masks(self) -> Array:
        """Those of the wrapped environment."""
        masks: Array = self.env.get_wrapper_attr("action_masks")()
        return masks


def _as_rows(single: Mapping[str, Array]) -> Dictionary:
    """One row of arrays as a batch of one."""
    return {key: np.asarray(value)[None] for key, value in single.items()}


def _require_dictionaries(env: gymnasium.Env) -> None:
    if not isinstance(env.observation_space, spaces.Dict) or not isinstance(env.action_space, spaces.Dict):
        raise TypeError(
            "codecs and sequences go directly around the environment's dictionaries, other wrappers around them; "
            f"got observations {type(env.observation_space).__name__} and actions {type(env.action_space).__name__}"
        )


def _bounds(space: spaces.Space[Any]) -> tuple[Array, Array]:
    """Lowest and highest values of a Box or MultiBinary, float32."""
    if isinstance(space, spaces.MultiBinary):
        return np.zeros(space.shape, np.float32), np.ones(space.shape, np.float32)
    if isinstance(space, spaces.Box):
        return space.low.astype(np.float32), space.high.astype(np.float32)
    raise TypeError(f"only Box and MultiBinary observations are flattened, got {space}")
