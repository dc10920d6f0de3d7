"""The native vector environment: a simulator with many rows behind Gymnasium's VectorEnv."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.autoreset import MODES, Step, known_mode
from edge_llm_gym.env.checks import OVERRIDES, RENDER_MODES, check_render_mode, chosen_rows, refuse_options
from edge_llm_gym.env.env import EnvSnapshot
from edge_llm_gym.env.episode_rows import EpisodeRows, Observations
from edge_llm_gym.env.info import Info, with_masks
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.env.own_functions import Feature, OwnFunctions, RewardFunction
from edge_llm_gym.env.reset_overrides import EpisodeScenario, episode_scenario, require_same_frame
from edge_llm_gym.env.row_generators import Seeds
from edge_llm_gym.env.row_values import value_for_all, values_of
from edge_llm_gym.env.spec import resolved_spec
from edge_llm_gym.scenario import Scenario, ScenarioSource, load_scenario
from edge_llm_gym.sim.simulator import Simulator


class EdgeLLMVectorEnv(VectorEnv[Observations, dict[str, Array], Array]):
    """`num_envs` independent rows of one scenario, stepped by one compiled loop.

    Observations, actions, rewards, starting states and info are those of `EdgeLLMEnv`, with a leading axis of rows.
    Row i of a reset with seed s equals the single environment with seed s + i bit for bit, also after automatic resets.

    **Episode end.** A row is truncated after `horizon_epochs` steps, or `max_episode_steps` if that is less. What
    follows depends on `autoreset_mode`, as in Gymnasium's SyncVectorEnv:

    - `SAME_STEP` ("SameStep"), the default: the row is reset in the same step. The returned observation is the first
      one of the next episode, `info["final_obs"]` and `info["final_info"]` hold the last ones of the ended episode.
    - `NEXT_STEP` ("NextStep"): the next step resets the row. It checks, but ignores, the row's action; the reward is 0.
    - `DISABLED` ("Disabled"): the row must be reset with `options={"reset_mask": mask}` before the next step.

    Args:
        num_envs: number R of rows.
        scenario: as for `EdgeLLMEnv`.
        overrides: as for `EdgeLLMEnv`.
        render_mode: as for `EdgeLLMEnv`; `render` returns one frame per row.
        max_episode_steps: truncates episodes earlier than the scenario's horizon, as Gymnasium's TimeLimit does.
        autoreset_mode: an AutoresetMode of Gymnasium, or its value in brackets above.
        reward: as for `EdgeLLMEnv`; called once for all rows.
        features: as for `EdgeLLMEnv`; called once for all rows.
        num_threads: threads over which rows are split in resets, steps and observations; results do not depend on it.
            More threads than free cores cost time.

    Attributes:
        scenario: that of the simulator, the spaces and the scales of observations; experts are made from it.
        episode_scenarios: that from which each row's tapes are drawn.

    Raises ScenarioError for a scenario that violates a rule, and ValueError for an unknown render mode, an unknown
    autoreset mode, `max_episode_steps` or `num_threads` below 1 and a reward or features that are none.
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
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        reward: RewardFunction | str | None = None,
        features: Iterable[Feature | str] | None = None,
        num_threads: int = 1,
    ) -> None:
        if max_episode_steps is not None and max_episode_steps < 1:
            raise ValueError(f"max_episode_steps must be at least 1, got {max_episode_steps}")
        self._base = self.scenario = load_scenario(scenario, overrides)
        self._episode_scenarios = [self.scenario] * num_envs
        own = OwnFunctions(reward, features)
        check_render_mode(render_mode)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.autoreset_mode = known_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self._interface = interface_of(self.scenario)
        self.single_observation_space = own.observation_space(self.scenario)
        self.single_action_space = self._interface.action_space(self.scenario)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._num_threads = num_threads
        self.simulator = self._new_simulator(self.scenario)
        self._limit = min(self.scenario.horizon_epochs, max_episode_steps or self.scenario.horizon_epochs)
        self._rows = EpisodeRows(self.simulator, self._limit, own)
        self._step = MODES[self.autoreset_mode]
        self._started = False
        self._spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """The arguments that make this environment (`edge_llm_gym.env.spec`); None if Gymnasium did not make it."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = spec and resolved_spec(spec, self._base, self._limit)

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of every row."""
        return self._rows.generators.all

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of every row's generator."""
        return self._rows.generators.seeds

    def reset(self, *, seed: Seeds = None, options: dict[str, Any] | None = None) -> tuple[Observations, Info]:
        """Draws new tapes for all rows, or for the rows of options["reset_mask"] [R] bool.

        `options["overrides"]` changes the scenario of these rows, as in `EdgeLLMEnv.reset`, also for automatic resets.
        Rows share everything but the settings of tapes, so other keys can only be changed for all rows together.

        Raises ValueError for unknown options, another mask, a mask without a row and another number of seeds than rows,
        RuntimeError if the first reset does not cover every row, and ScenarioError as `EdgeLLMEnv.reset` and for
        overrides of some rows that change what all rows share.
        """
        refuse_options(options, known=("reset_mask",))
        chosen = chosen_rows(options, self.num_envs)
        if not self._started and not chosen.all():
            raise RuntimeError("the first reset must cover every row")
        wanted = self._wanted((options or {}).get(OVERRIDES), chosen)
        self._rows.generators.seed(seed, chosen)
        if wanted is not None:
            self._use(wanted, np.flatnonzero(chosen).tolist())
        self._rows.reset(chosen)
        self._started = True
        return self._rows.observe(), with_masks(self._rows.reset_info(), chosen)

    def override_next_episodes(self, overrides: Mapping[str, Any], rows: Array | None = None) -> None:
        """As `overrides` of a reset, but without one: the next resets of the `rows` [R] bool, all by default, follow.

        This suits a curriculum under automatic resets. Raises ScenarioError as `reset` does, and for overrides of
        anything but tape settings, and ValueError for another mask.
        """
        wanted = episode_scenario(self._base, overrides)
        require_same_frame(self.scenario, wanted.frame)
        self._use(wanted, np.flatnonzero(chosen_rows({"reset_mask": rows}, self.num_envs)).tolist())

    @property
    def episode_scenarios(self) -> tuple[Scenario, ...]:
        """The scenario from which the tapes of each row are drawn."""
        return tuple(self._episode_scenarios)

    def _wanted(self, overrides: Any, chosen: Array) -> EpisodeScenario | None:
        """What the chosen [R] bool rows shall follow; None to go on as before. Changes nothing."""
        if overrides is None:
            return None
        wanted = episode_scenario(self._base, overrides)
        if not chosen.all():
            require_same_frame(self.scenario, wanted.frame)
        return wanted

    def _new_simulator(self, scenario: Scenario) -> Simulator:
        return Simulator(scenario, self.num_envs, self._num_threads)

    def _use(self, wanted: EpisodeScenario, rows: list[int]) -> None:
        simulator = self.simulator if wanted.frame == self.scenario else self._new_simulator(wanted.frame)
        simulator.draw_from(wanted.tape, rows)
        if simulator is not self.simulator:
            self.scenario, self.simulator = wanted.frame, simulator
            self._rows.use(simulator)
        for row in rows:
            self._episode_scenarios[row] = wanted.tape

    def step(self, actions: dict[str, Array]) -> Step:
        """One epoch of every row; `autoreset_mode` says what happens to rows at the end of their episode.

        Raises ActionError for a malformed action of any row, before any row changes, and RuntimeError before a reset
        and, in mode DISABLED, for a row that has ended.
        """
        self._require_reset()
        action = self._interface.read_action(actions, (self.num_envs,), self.scenario)
        return self._step(self._rows, action)

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

    def snapshot(self) -> tuple[EnvSnapshot, ...]:
        """One snapshot per row, as `EdgeLLMEnv.snapshot` takes it. Raises RuntimeError before a reset."""
        self._require_reset()
        states = [generator.bit_generator.state for generator in self.np_random]
        rows = zip(states, self._episode_scenarios, strict=True)
        return tuple(EnvSnapshot(self.simulator.snapshot(row), *both) for row, both in enumerate(rows))

    def restore(self, snapshots: Sequence[EnvSnapshot]) -> Observations:
        """Writes one snapshot into each row, and returns the observations.

        Raises ValueError for another number of snapshots than rows and for a snapshot of another scenario.
        """
        if len(snapshots) != self.num_envs:
            raise ValueError(f"restore takes one snapshot per row: num_envs is {self.num_envs}, got {len(snapshots)}")
        self._rows.restore(snapshot.simulator for snapshot in snapshots)
        for row, (generator, snapshot) in enumerate(zip(self.np_random, snapshots, strict=True)):
            generator.bit_generator.state = dict(snapshot.generator)
            self._use(EpisodeScenario(self.scenario, snapshot.episode_scenario or self.scenario), [row])
        self._started = True
        return self._rows.observe()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The results of a method of the rows, or the values of an attribute, as in Gymnasium's vector environments.

        Names are those of the single environment: attributes, and the methods `action_masks`, `render`, `snapshot` and
        `restore`. Raises AttributeError for another name.
        """
        return values_of(self, name, *args, **kwargs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """The attribute of every row. Raises AttributeError for an unknown name."""
        return values_of(self, name)

    def set_attr(self, name: str, values: Any) -> None:
        """Sets an attribute of all rows; a list or tuple holds one value per row.

        Rows share all attributes but `np_random`. Raises ValueError for values that differ and for another number of
        values than rows.
        """
        if name == "np_random":
            self._rows.generators.replace(values)
        else:
            setattr(self, name, value_for_all(name, values, self.num_envs))

    @property
    def _last(self) -> Any:
        return self._rows.result

    def _require_reset(self) -> None:
        if not self._started:
            raise RuntimeError("call reset() first: there is no episode yet")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scenario.name!r}, num_envs={self.num_envs})"
