"""The three autoreset modes: what a step of a vector environment does with rows at the end of their episode.

They are those of `gymnasium.vector.SyncVectorEnv`. Infos have Gymnasium's masks; where a mask is False, values are
undefined.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from gymnasium.vector import AutoresetMode

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.episode_rows import EpisodeRows, Observations
from edge_llm_gym.env.info import Info, replace_rows, with_masks
from edge_llm_gym.names import known_name

Action = tuple[Array, ...]
Step = tuple[Observations, Array, Array, Array, Info]


def known_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """The mode itself, or that of a value such as "NextStep". Raises ValueError for any other value."""
    if isinstance(mode, AutoresetMode):
        return mode
    return AutoresetMode(known_name("autoreset mode", str(mode), [known.value for known in AutoresetMode]))


def step_and_reset(rows: EpisodeRows, action: Action) -> Step:
    """One epoch of every row, after which ended rows are reset: SAME_STEP."""
    result = rows.step(action)
    info, ended = rows.step_info(result), rows.ended()
    if not ended.any():
        return _step(rows, result.reward, ended, with_masks(info, rows.all))
    final = {"final_obs": rows.observed_rows(ended), "final_info": with_masks(info, ended)}
    rows.reset(ended)
    merged = with_masks(replace_rows(info, rows.reset_info(), ended), rows.all)
    masks = {f"_{key}": ended.copy() for key in final}
    return _step(rows, result.reward, ended, merged | final | masks)


def reset_or_step(rows: EpisodeRows, action: Action) -> Step:
    """Rows that have ended are reset, all others make one epoch: NEXT_STEP."""
    ended = rows.ended()
    if not ended.any():
        return step_only(rows, action)
    rows.reset(ended)
    if ended.all():
        return _step(rows, np.zeros(ended.size), rows.ended(), with_masks(rows.reset_info(), rows.all))
    result = rows.step_others(action, ended)
    info = replace_rows(rows.step_info(result), rows.reset_info(), ended)
    return _step(rows, np.where(ended, 0.0, result.reward), rows.ended(), with_masks(info, rows.all))


def step_only(rows: EpisodeRows, action: Action) -> Step:
    """One epoch of every row: DISABLED. Raises RuntimeError if a row has ended and was not reset."""
    ended = rows.ended()
    if ended.any():
        raise RuntimeError(
            f"the episodes of rows {np.flatnonzero(ended).tolist()} have ended: call "
            "reset(options={'reset_mask': mask}) before the next step"
        )
    result = rows.step(action)
    return _step(rows, result.reward, rows.ended(), with_masks(rows.step_info(result), rows.all))


def _step(rows: EpisodeRows, reward: Array, truncated: Array, info: Info) -> Step:
    return rows.observe(), reward, np.zeros(reward.size, np.bool_), truncated, info


MODES: Final[Mapping[AutoresetMode, Callable[[EpisodeRows, Any], Step]]] = MappingProxyType(
    {
        AutoresetMode.SAME_STEP: step_and_reset,
        AutoresetMode.NEXT_STEP: reset_or_step,
        AutoresetMode.DISABLED: step_only,
    }
)
"""Mode -> its step: (rows, checked action) -> observations, rewards, terminated, truncated, infos."""
