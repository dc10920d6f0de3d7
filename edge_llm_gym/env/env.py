"""The single environment: a simulator of one row behind Gymnasium's Env."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.info import reset_info, row_of, step_info
from edge_llm_gym.env.interface import action_space, interface_of, observation_space, read_action
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import ScenarioSource, load_scenario
from edge_llm_gym.sim.simulator import Simulator, Snapshot

RENDER_MODES = ("ansi", "rgb_array")


@dataclass(frozen=True)
class EnvSnapshot:
    """A moment of an environment: the simulator's row and the generator that draws the next episodes."""

    simulator: Snapshot
    generator: Mapping[str, Any]


class EdgeLLMEnv(gymnasium.Env[Any, Any]):
    """Schedules language-model inference over edge nodes, one epoch a step.

    `scenario` is a shipped name, a YAML file, a mapping or a Scenario; `overrides` maps dotted paths to values, as in
    {"arrivals.rate_per_s": 8.0}. Observation and action keys depend on the scenario's admission and are described in
    `edge_llm_gym.env.batching` and `edge_llm_gym.env.streaming`. An episode is truncated after the scenario's
    `horizon_epochs`; it never terminates.

    Raises ScenarioError for a scenario that breaks a rule, ActionError (a ValueError) for a malformed action, and
    ValueError for an unknown render mode.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 2}  # noqa: RUF012 - Gymnasium's own convention

    def __init__(
        self,
        scenario: ScenarioSource,
        overrides: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.scenario = load_scenario(scenario, overrides)
        check_render_mode(render_mode)
        self.render_mode = render_mode
        self.observation_space = observation_space(self.scenario)
        self.action_space = action_space(self.scenario)
        self.simulator = Simulator(self.scenario)
        self._observer = interface_of(self.scenario).observer(self.simulator)
        self._last: Any = None
        self._started = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Draws a new tape. `options` must be empty: a scenario is chosen at construction."""
        refuse_options(options)
        super().reset(seed=seed)
        self.simulator.reset(0, self.np_random)
        self._last = None
        self._started = True
        return self._observe(), row_of(reset_info(self.simulator), 0)

    def step(self, action: dict[str, Array]) -> tuple[dict[str, Array], float, bool, bool, dict[str, Any]]:
        """One epoch. Raises ActionError for a malformed action, RuntimeError before a reset or after the end."""
        self._require_reset()
        self._last = result = self.simulator.step(*read_action(action, (), self.scenario))
        info = row_of(step_info(self.simulator, result), 0)
        return self._observe(), float(result.reward[0]), False, bool(self.simulator.ended()[0]), info

    def render(self) -> str | np.ndarray | None:
        """The current epoch as text ("ansi") or as an image [height, width, 3] uint8 ("rgb_array")."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render_mode: pass render_mode='ansi' or 'rgb_array' to make()")
            return None
        self._require_reset()
        from edge_llm_gym.rendering import render_row

        return render_row(self.simulator, 0, self._last, self.render_mode)

    def action_masks(self) -> Array:
        """[N * (K + 1)] bool over the flattened `batch`: False where the transition would refuse the request alone.

        Raises TypeError for streaming dynamics, whose actions are continuous.
        """
        self._require_reset()
        return self.simulator.admissible()[0].ravel()

    def snapshot(self) -> EnvSnapshot:
        """This moment, to come back to: the episode and the generator of the episodes after it."""
        self._require_reset()
        return EnvSnapshot(self.simulator.snapshot(), self.np_random.bit_generator.state)

    def restore(self, snapshot: EnvSnapshot) -> dict[str, Array]:
        """Goes back to a snapshot and returns its observation. Raises ValueError for one of another scenario."""
        self.simulator.restore(snapshot.simulator)
        self.np_random.bit_generator.state = dict(snapshot.generator)
        self._last = None
        self._started = True
        return self._observe()

    def _observe(self) -> dict[str, Array]:
        return {key: array[0] for key, array in self._observer.observe().items()}

    def _require_reset(self) -> None:
        if not self._started:
            raise RuntimeError("call reset() first: there is no episode yet")


def check_render_mode(mode: str | None) -> None:
    """Raises ValueError for an unknown mode; None stands for no pictures."""
    if mode is not None:
        known_name("render mode", mode, RENDER_MODES)


def refuse_options(options: Mapping[str, Any] | None, known: tuple[str, ...] = ()) -> None:
    """Raises ValueError for reset options that would be ignored."""
    unknown = sorted(set(options or ()) - set(known))
    if unknown:
        raise ValueError(f"unknown reset options {unknown}; settings go to make(..., overrides={{...}})")
