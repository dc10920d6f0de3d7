"""The native vector environment: a simulator with many rows behind Gymnasium's VectorEnv."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.checks import RENDER_MODES, check_render_mode, refuse_options
from edge_llm_gym.env.info import Info, replace_rows, with_masks
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.env.row_generators import RowGenerators, Seeds
from edge_llm_gym.env.step_info import reset_info, step_info
from edge_llm_gym.scenario import ScenarioSource, load_scenario
from edge_llm_gym.sim.simulator import Simulator

Observations = dict[str, Array]


class EdgeLLMVectorEnv(VectorEnv[Observations, dict[str, Array], Array]):
    """`num_envs` independent rows of one scenario, stepped by one compiled loop.

    Observations, actions, rewards, starting states and info are those of `EdgeLLMEnv`, with a leading axis of rows.
    Row i of a reset with seed s equals the single environment with seed s + i bit for bit, also after automatic resets.

    **Episode end.** A row is truncated after `horizon_epochs` steps, or `max_episode_steps` if that is less, and is
    reset in the same step (`AutoresetMode.SAME_STEP`): the returned observation is the first one of the next episode,
    `info["final_obs"]` and `info["final_info"]` hold the last ones of the ended episode.

    Args:
        num_envs: number R of rows.
        scenario: as for `EdgeLLMEnv`.
        overrides: as for `EdgeLLMEnv`.
        render_mode: as for `EdgeLLMEnv`; `render` returns one frame per row.
        max_episode_steps: truncates episodes earlier than the scenario's horizon, as Gymnasium's TimeLimit does.

    Raises ScenarioError for a scenario that violates a rule, and ValueError for an unknown render mode and for
    `max_episode_steps` below 1.
    """

    metadata = {  # noqa: RUF012 - Gymnasium's own convention
        "render_modes": list(RENDER_MODES),
        "render_fps": 2,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int,
        scenario: ScenarioSource,
        overrides: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        if max_episode_steps is not None and max_episode_steps < 1:
            raise ValueError(f"max_episode_steps must be at least 1, got {max_episode_steps}")
        self.scenario = load_scenario(scenario, overrides)
        check_render_mode(render_mode)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self._interface = interface_of(self.scenario)
        self.single_observation_space = self._interface.observation_space(self.scenario)
        self.single_action_space = self._interface.action_space(self.scenario)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.simulator = Simulator(self.scenario, num_envs)
        self._observer = self._interface.observer(self.simulator)
        self._limit = min(self.scenario.horizon_epochs, max_episode_steps or self.scenario.horizon_epochs)
        self._rows = RowGenerators(num_envs)
        self._last: Any = None

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of every row."""
        return self._rows.generators

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of every row's generator."""
        return self._rows.seeds

    def reset(self, *, seed: Seeds = None, options: dict[str, Any] | None = None) -> tuple[Observations, Info]:
        """Draws new tapes for all rows, or for the rows of options["reset_mask"] [R] bool.

        Raises ValueError for unknown options, another mask and another number of seeds than rows, and RuntimeError if
        the first reset does not cover every row.
        """
        refuse_options(options, known=("reset_mask",))
        chosen = self._chosen_rows(options)
        self._rows.seed(seed, chosen)
        for row in np.flatnonzero(chosen):
            self.simulator.reset(int(row), self._rows.generators[row])
        self._last = None
        return self._observe(), with_masks(reset_info(self.simulator), chosen)

    def step(self, actions: dict[str, Array]) -> tuple[Observations, Array, Array, Array, Info]:
        """One epoch of every row; a row at the end of its episode is reset in the same step.

        Raises ActionError for a malformed action of any row, before any row changes, and RuntimeError before a reset.
        """
        self._require_reset()
        self._last = result = self.simulator.step(
            *self._interface.read_action(actions, (self.num_envs,), self.scenario)
        )
        truncated = self.simulator.state.epoch >= self._limit
        info = step_info(self.simulator, result)
        observations = self._observe()
        if truncated.any():
            observations, info = self._autoreset(truncated, observations, info)
        else:
            info = with_masks(info, np.ones(self.num_envs, np.bool_))
        return observations, result.reward, np.zeros(self.num_envs, np.bool_), truncated, info

    def _autoreset(self, ended: Array, last: Observations, info: Info) -> tuple[Observations, Info]:
        """Resets the ended rows and moves their last observation and info to final_obs and final_info."""
        final_obs = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(ended):
            final_obs[row] = {key: array[row] for key, array in last.items()}
            self.simulator.reset(int(row), self._rows.generators[row])
        merged = replace_rows(info, reset_info(self.simulator), ended)
        merged |= {"final_obs": final_obs, "_final_obs": ended.copy()}
        merged |= {"final_info": with_masks(info, ended), "_final_info": ended.copy()}
        return self._observe(), merged

    def render(self) -> tuple[Any, ...] | None:
        """The current epoch of every row, as text or image."""
        if self.render_mode is None:
            return None
        self._require_reset()
        from edge_llm_gym.rendering import render_row

        return tuple(render_row(self.simulator, row, self._last, self.render_mode) for row in range(self.num_envs))

    def action_masks(self) -> Array:
        """[R, N * (K + 1)] bool, masks over the choices of `batch`; see `EdgeLLMEnv.action_masks`."""
        self._require_reset()
        return self.simulator.admissible().reshape(self.num_envs, -1)

    def _observe(self) -> Observations:
        return dict(self._observer.observe())

    def _chosen_rows(self, options: Mapping[str, Any] | None) -> Array:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise ValueError(f"options['reset_mask'] must be a bool array of shape ({self.num_envs},), got {mask!r}")
        if not self._rows.seeded and not mask.all():
            raise RuntimeError("the first reset must cover every row")
        return mask

    def _require_reset(self) -> None:
        if not self._rows.seeded:
            raise RuntimeError("call reset() first: there is no episode yet")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scenario.name!r}, num_envs={self.num_envs})"
