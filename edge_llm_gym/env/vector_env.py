"""The native vector environment: a simulator of many rows behind Gymnasium's VectorEnv, autoreset in the same step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.env import RENDER_MODES, check_render_mode, refuse_options
from edge_llm_gym.env.info import Info, reset_info, step_info, with_masks
from edge_llm_gym.env.interface import action_space, interface_of, observation_space, read_action
from edge_llm_gym.scenario import ScenarioSource, load_scenario
from edge_llm_gym.sim.simulator import Simulator

Observations = dict[str, Array]


class EdgeLLMVectorEnv(VectorEnv[Observations, dict[str, Array], Array]):
    """`num_envs` rows of one scenario, stepped by one compiled loop.

    Row i seeded s equals the single environment seeded s + i bit for bit, over autoresets too. Arguments are those of
    EdgeLLMEnv; `max_episode_steps` cuts episodes shorter than the scenario's horizon, as a TimeLimit would.
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
        self.single_observation_space = observation_space(self.scenario)
        self.single_action_space = action_space(self.scenario)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.simulator = Simulator(self.scenario, num_envs)
        self._observer = interface_of(self.scenario).observer(self.simulator)
        self._limit = min(self.scenario.horizon_epochs, max_episode_steps or self.scenario.horizon_epochs)
        self._generators: list[np.random.Generator] = []
        self._seeds: list[int] = []
        self._last: Any = None

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of every row."""
        return tuple(self._generators)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of every row's generator."""
        return tuple(self._seeds)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, Info]:
        """Draws new tapes for all rows, or for those that options["reset_mask"] [R] bool names."""
        refuse_options(options, known=("reset_mask",))
        chosen = self._chosen_rows(options)
        self._seed(seed, chosen)
        for row in np.flatnonzero(chosen):
            self.simulator.reset(int(row), self._generators[row])
        self._last = None
        return self._observe(), with_masks(reset_info(self.simulator), chosen)

    def step(self, actions: dict[str, Array]) -> tuple[Observations, Array, Array, Array, Info]:
        """One epoch of every row. A row whose episode ends starts the next one in the same step.

        Then `info["final_obs"]` and `info["final_info"]` hold what the ended episode last showed. Raises ActionError
        for a malformed action of any row, before any row moves.
        """
        self._require_reset()
        self._last = result = self.simulator.step(*read_action(actions, (self.num_envs,), self.scenario))
        truncated = self.simulator.state.epoch >= self._limit
        info = step_info(self.simulator, result)
        observations = self._observe()
        if truncated.any():
            observations, info = self._start_anew(truncated, observations, info)
        else:
            info = with_masks(info, np.ones(self.num_envs, np.bool_))
        return observations, result.reward, np.zeros(self.num_envs, np.bool_), truncated, info

    def _start_anew(self, ended: Array, last: Observations, info: Info) -> tuple[Observations, Info]:
        """Resets the ended rows; their last observation and info move to final_obs and final_info."""
        final_obs = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(ended):
            final_obs[row] = {key: array[row] for key, array in last.items()}
            self.simulator.reset(int(row), self._generators[row])
        merged = with_masks(info, ~ended) | with_masks(reset_info(self.simulator), ended)
        merged |= {"final_obs": final_obs, "_final_obs": ended.copy()}
        merged |= {"final_info": with_masks(info, ended), "_final_info": ended.copy()}
        return self._observe(), merged

    def render(self) -> tuple[Any, ...] | None:
        """Every row's current epoch, as text or image."""
        if self.render_mode is None:
            return None
        self._require_reset()
        from edge_llm_gym.rendering import render_row

        return tuple(render_row(self.simulator, row, self._last, self.render_mode) for row in range(self.num_envs))

    def action_masks(self) -> Array:
        """[R, N * (K + 1)] bool over each row's flattened `batch`; see EdgeLLMEnv.action_masks."""
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
        if not self._generators and not mask.all():
            raise RuntimeError("the first reset must cover every row")
        return mask

    def _seed(self, seed: int | Sequence[int | None] | None, chosen: Array) -> None:
        """Seeds the chosen rows; a row without a seed goes on with the generator it has."""
        seeds = self._seed_per_row(seed)
        if not self._generators:
            made = [seeding.np_random(row_seed) for row_seed in seeds]
            self._generators = [generator for generator, _ in made]
            self._seeds = [row_seed for _, row_seed in made]
            return
        for row in np.flatnonzero(chosen):
            if seeds[row] is not None:
                self._generators[row], self._seeds[row] = seeding.np_random(seeds[row])

    def _seed_per_row(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + row for row in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"a list of seeds needs one per row: num_envs is {self.num_envs}, got {len(seed)} seeds")
        return list(seed)

    def _require_reset(self) -> None:
        if not self._generators:
            raise RuntimeError("call reset() first: there is no episode yet")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scenario.name!r}, num_envs={self.num_envs})"
