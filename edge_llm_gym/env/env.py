"""The single environment: a simulator with one row behind Gymnasium's Env."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.checks import (
    HUMAN,
    OVERRIDES,
    RENDER_MODES,
    check_render_mode,
    refuse_options,
    usable_render_modes,
)
from edge_llm_gym.env.info import row_of
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.env.own_functions import Feature, OwnFunctions, RewardFunction
from edge_llm_gym.env.reset_overrides import EpisodeScenario, episode_scenario, require_same_frame
from edge_llm_gym.env.spec import resolved_spec
from edge_llm_gym.env.step_info import epoch_info, reset_info, tape_info
from edge_llm_gym.scenario import Scenario, ScenarioSource, load_scenario
from edge_llm_gym.sim.simulator import Simulator, Snapshot


@dataclass(frozen=True)
class EnvSnapshot:
    """State of an environment between two steps: the simulator's row and the generator of the next episodes."""

    simulator: Snapshot
    generator: Mapping[str, Any]
    episode_scenario: Scenario | None = None
    """From which the next tapes are drawn; None for that of the simulator."""


class EdgeLLMEnv(gymnasium.Env[Any, Any]):
    """Schedules the inference of language models over edge nodes, one epoch per step.

    The keys of observations, actions and info depend on the dynamics of the scenario. N slots, K nodes, K1 of them
    entry nodes, D devices, E exits; all numbers are float32 unless stated otherwise.

    **Dynamics.** In `batching` dynamics requests wait in a queue, and each step admits some of them to the batches of
    nodes that host the whole model; with `batching: continuous`, requests join and leave a node between its tokens. In
    `batching_routing` dynamics each step admits requests to batches of entry nodes; those that do not leave at an early
    exit there are forwarded to nodes with the next blocks. In `streaming` dynamics each step sets weights and
    thresholds, by which all requests that arrive in the epoch are routed on arrival.

    **Observation.** See `observation_space` in `edge_llm_gym.env.batching`, `.batching_routing` and `.streaming`.

    | key | batching | batching_routing | streaming |
    |---|---|---|---|
    | `requests` | [N, 8] | [N, 8] | |
    | `request_mask` | [N] int8 | [N] int8 | |
    | `spectral_efficiency` | [N, K, 2] | [N, K1, 2] | [D, K1, 2] |
    | `nodes` | [K, 9], continuous [K, 12] | [K, 10] | [K, 11] |
    | `links` | | [K, K, 3] | [K, K, 3] |
    | `exit_confidence` | | [E, 5] | [E, 5] |
    | `arrivals` | [1] | [1] | [D] |
    | `backlog` | [1] | [1] | [K] |

    **Action.** See `action_space` in the same modules. Weights count in proportion, so every action of the space is
    valid; requests of an infeasible action are refused, late or below their quality demand.

    | key | batching | batching_routing | streaming |
    |---|---|---|---|
    | `batch`, whole numbers | [N] in 0..K | [N] in 0..K1 | |
    | `bandwidth` in [0, 1] | [N, 2] | [N, 2] | |
    | `offload` in [0, 1] | | [K, K] | [D + K, K] |
    | `threshold` in [0, 1] | | [K] | [K] |

    **Reward.** The weighted sum of metrics of the epoch that the scenario's `reward` defines; by default the value of
    the served requests, in streaming dynamics accuracy minus mean response delay in s.

    **Starting state.** Reset draws a tape: arrivals, lengths, deadlines, channels and exit confidences of an episode.
    Nodes are idle. In pooled dynamics the queue holds the requests that arrived in the epoch before the first decision;
    in streaming dynamics there are no requests yet.

    **Episode end.** Truncation after `horizon_epochs` steps of the scenario; an episode never terminates.

    **Info.** See `edge_llm_gym.env.step_info`, which also lists the outcome codes.

    Args:
        scenario: name of a shipped scenario, path of a YAML file, mapping, or Scenario.
        overrides: values by dotted path, such as {"arrivals.rate_per_s": 8.0}.
        render_mode: "ansi" for text, "rgb_array" for images, "human" for a window that follows the episode (needs
            pygame: extra "viewer"), None for none of them.
        reward: a function whose values are added to the reward, or its "package.module:name", which is imported
            (`edge_llm_gym.env.own_functions`).
        features: `Feature` objects, or their "package.module:name", that add keys to the observation.

    Attributes:
        scenario: that of the simulator, the spaces and the scales of observations; experts are made from it.
        episode_scenario: that from which tapes are drawn. It differs from `scenario` after overrides of a reset.
        caption: text in the titles of rendered pictures, such as the policy and the seed; empty by default.

    Raises ScenarioError for a scenario that violates a rule, ValueError for an unknown render mode and for a reward or
    features that are none, and ImportError for "human" without pygame.
    """

    metadata = {"render_modes": [*RENDER_MODES, HUMAN], "render_fps": 2}  # noqa: RUF012 - Gymnasium's own convention

    def __init__(
        self,
        scenario: ScenarioSource,
        overrides: Mapping[str, Any] | None = None,
        render_mode: str | None = None,
        reward: RewardFunction | str | None = None,
        features: Iterable[Feature | str] | None = None,
    ) -> None:
        self._base = self.scenario = self.episode_scenario = load_scenario(scenario, overrides)
        self._own = OwnFunctions(reward, features)
        check_render_mode(render_mode, human=True)
        self.render_mode = render_mode
        # The class knows all modes, so that `make` hands them on; an environment those that work, for `check_env`.
        self.metadata = {**type(self).metadata, "render_modes": usable_render_modes()}
        self.caption = ""
        self._window: Any = None
        self._interface = interface_of(self.scenario)
        self.observation_space = self._own.observation_space(self.scenario)
        self.action_space = self._interface.action_space(self.scenario)
        self.simulator = Simulator(self.scenario)
        self._observer = self._interface.observer(self.simulator)
        self._last: Any = None
        self._tape: dict[str, Any] = {}
        self._started = False
        self._spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """The arguments that make this environment (`edge_llm_gym.env.spec`); None if Gymnasium did not make it."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = spec and resolved_spec(spec, self._base, self._base.horizon_epochs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Draws a new tape.

        `options["overrides"]` changes the scenario of this episode and the next ones, counted from the scenario with
        which the environment was made; {} returns to that. See `edge_llm_gym.env.reset_overrides`.

        Raises ScenarioError for overrides that violate a rule or change a shape, ValueError for unknown options.
        """
        refuse_options(options)
        if (overrides := (options or {}).get(OVERRIDES)) is not None:
            self._use(episode_scenario(self._base, overrides))
        super().reset(seed=seed)
        self.simulator.reset(0, self.np_random)
        self._last = None
        self._started = True
        self._show()
        info = row_of(reset_info(self.simulator, self._own.no_reward(1)), 0)
        self._tape = info["tape"]
        return self._observe(), info | {"tape": self._tape_info()}

    def override_next_episodes(self, overrides: Mapping[str, Any]) -> None:
        """As `overrides` of a reset, but without one: the next reset, also an automatic one, follows them.

        Raises ScenarioError as `reset` does, and for overrides of anything but tape settings.
        """
        chosen = episode_scenario(self._base, overrides)
        require_same_frame(self.scenario, chosen.frame)
        self._use(chosen)

    def _use(self, chosen: EpisodeScenario) -> None:
        simulator = self.simulator if chosen.frame == self.scenario else Simulator(chosen.frame)
        simulator.draw_from(chosen.tape, (0,))
        if simulator is not self.simulator:
            self.scenario, self.simulator = chosen.frame, simulator
            self._observer = self._interface.observer(simulator)
        self.episode_scenario = chosen.tape

    def step(self, action: dict[str, Array]) -> tuple[dict[str, Array], float, bool, bool, dict[str, Any]]:
        """One epoch. Raises ActionError for a malformed action, RuntimeError before a reset or after the end."""
        self._require_reset()
        checked, reading = self._interface.read_action(action, (), self.scenario), self._observer.begin()
        done = self.simulator.step(*checked, then=reading.write)
        self._last, own = result, _ = self._own.rewarded(self.simulator, done)
        info = {"tape": self._tape_info()} | row_of(epoch_info(self.simulator, result, own), 0)
        self._show()
        return self._row(reading.arrays), float(result.reward[0]), False, bool(self.simulator.ended()[0]), info

    def render(self) -> str | np.ndarray | None:
        """The current epoch as text ("ansi") or as an image [height, width, 3] uint8 ("rgb_array").

        With "human", `reset` and `step` show it in a window, and this returns None.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render_mode: pass render_mode='ansi' or 'rgb_array' to make()")
            return None
        self._require_reset()
        return None if self.render_mode == HUMAN else self._picture(self.render_mode)

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _picture(self, mode: str) -> str | np.ndarray:
        from edge_llm_gym.rendering import render_row

        return render_row(self.simulator, 0, self._last, mode, self.caption)

    def _show(self) -> None:
        """Shows the epoch in the window of the mode "human"."""
        if self.render_mode != HUMAN:
            return
        from edge_llm_gym.rendering.window import Window

        self._window = self._window or Window(self.scenario.name, self.metadata["render_fps"])
        self._window.show(self._picture("rgb_array"))

    def view(self) -> Any:
        """The current epoch as plain numbers and strings: the record that text, image and page are made of."""
        self._require_reset()
        from edge_llm_gym.rendering import view_of

        return view_of(self.simulator, 0, self._last, self.caption)

    def action_masks(self) -> Array:
        """[N * (K + 1)] bool over the choices of `batch`, slot by slot; with K1 for K in batching-and-routing dynamics.

        False where the request would be refused even if admitted alone, with the whole band. Raises TypeError for
        streaming dynamics, whose actions are continuous, and RuntimeError before a reset.
        """
        self._require_reset()
        return self.simulator.admissible()[0].ravel()

    def observe(self) -> dict[str, Array]:
        """The present observation, in new arrays. Raises RuntimeError before a reset."""
        self._require_reset()
        return self._observe()

    def snapshot(self) -> EnvSnapshot:
        """A copy of the episode's state and of the generator of the next ones. Raises RuntimeError before a reset."""
        self._require_reset()
        return EnvSnapshot(self.simulator.snapshot(), self.np_random.bit_generator.state, self.episode_scenario)

    def restore(self, snapshot: EnvSnapshot) -> dict[str, Array]:
        """Returns to a snapshot, and its observation. Raises ValueError for a snapshot of another scenario."""
        self.simulator.restore(snapshot.simulator)
        self._use(EpisodeScenario(self.scenario, snapshot.episode_scenario or self.scenario))
        self.np_random.bit_generator.state = dict(snapshot.generator)
        self._last = None
        self._started = True
        self._tape = row_of(tape_info(self.simulator), 0)
        return self._observe()

    def _observe(self) -> dict[str, Array]:
        return self._row(self._observer.observe())

    def _row(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """The only row of an observation, with the own features."""
        return {key: array[0] for key, array in self._own.observed(self.simulator, arrays).items()}

    def _tape_info(self) -> dict[str, Any]:
        """A copy of `info["tape"]`, which the caller may change."""
        return self._tape | {"parameters": self._tape["parameters"].copy()}

    def _require_reset(self) -> None:
        if not self._started:
            raise RuntimeError("call reset() first: there is no episode yet")
