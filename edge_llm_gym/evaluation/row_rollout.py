"""Runs one policy for the episodes of many seeds at once, as rows of a native vector environment."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

import gymnasium
import numpy as np

from edge_llm_gym.compiled.events import compile_timer
from edge_llm_gym.evaluation.causes import CauseRecorder
from edge_llm_gym.evaluation.rollout import Episode, episode_metrics
from edge_llm_gym.experts import Policy
from edge_llm_gym.rows import split_rows
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.workload.factory import build_workload

MOST_ROWS: Final = 32
"""Greatest number of episodes that are run at once: a kill loses no more than these."""
MOST_REQUESTS: Final = 1_000_000
"""Greatest number of expected requests in all rows, each of which takes up to 460 bytes of memory."""


def acts_on_rows(policy: Policy) -> bool:
    """Whether the decisions for each of many rows are those that the policy makes for the row alone."""
    return bool(getattr(policy, "independent_rows", False))


def row_count(scenario: Scenario) -> int:
    """Number of episodes of a scenario that are run at once."""
    seconds = scenario.horizon_epochs * scenario.epoch_s
    requests = build_workload(scenario.arrivals, scenario.lengths).rate_per_s * seconds
    return int(np.clip(MOST_REQUESTS // max(requests, 1.0), 1, MOST_ROWS))


def run_row_episodes(
    envs: gymnasium.vector.VectorEnv, policy: Policy, seeds: Sequence[int], new_recorder: Callable[[], CauseRecorder]
) -> list[Episode]:
    """The metrics of one episode on the tape of each seed, as `run_episode` and a recorder give them for it alone.

    "decision_ms" is the mean wall time of `predict`, without compilation, divided by the number of rows. `envs` is a
    native vector environment with one row per seed and without automatic resets.
    """
    observation, _ = envs.reset(seed=list(seeds))  # type: ignore[arg-type]  # Gymnasium names one seed only
    rows = [RecordedRow(envs, row, new_recorder()) for row in range(len(seeds))]
    state, starts, ended = None, np.ones(len(seeds), np.bool_), np.zeros(len(seeds), np.bool_)
    decision_s = 0.0
    with compile_timer() as compiled_s:
        while not ended.all():
            begin_s = time.perf_counter() - compiled_s()
            action, state = policy.predict(observation, state=state, episode_start=starts, deterministic=True)
            decision_s += time.perf_counter() - compiled_s() - begin_s
            for row, seen in zip(rows, split_rows(observation), strict=True):
                row.decided(seen, action)
            observation, reward, terminated, truncated, info = envs.step(action)
            for row in rows:
                row.stepped(reward, info)
            ended, starts = np.logical_or(terminated, truncated), np.zeros(len(seeds), np.bool_)
    return [row.episode(info["totals"], 1e3 * decision_s / len(seeds)) for row in rows]


class RecordedRow:
    """One row of a native vector environment during an episode, with its recorder."""

    def __init__(self, envs: gymnasium.vector.VectorEnv, row: int, recorder: CauseRecorder) -> None:
        self._view = row_view(envs.unwrapped.simulator, row)  # type: ignore[attr-defined]
        self._row, self._recorder, self._reward, self._count = row, recorder, 0.0, 0

    def decided(self, observation: Mapping[str, Any], action: Mapping[str, Any]) -> None:
        """Called before each step with the observation of the row and the actions of all rows."""
        self._recorder.decided(self._view, observation, {key: value[self._row] for key, value in action.items()})

    def stepped(self, reward: Any, info: Mapping[str, Any]) -> None:
        """Called after each step with rewards and infos of all rows."""
        slots = {key: value[self._row] for key, value in info.get("slots", {}).items() if key[0] != "_"}
        self._recorder.stepped({"slots": slots})
        self._reward, self._count = self._reward + float(reward[self._row]), self._count + 1

    def episode(self, totals: Mapping[str, Any], decision_ms: float) -> Episode:
        """The metrics by name, after the last step; `decision_ms` is the sum over the steps."""
        own = {name: totals[name].item(self._row) for name in self._view.scenario.metrics}
        steps = float(self._count)
        summary = {"reward": self._reward, "decision_ms": decision_ms / steps, "steps": steps}
        return episode_metrics(self._view, own) | summary | self._recorder.metrics(self._view)


def row_view(simulator: Any, row: int) -> Any:
    """One row of a simulator as if it were alone: views of its arrays with a leading axis of one row."""
    return SimpleNamespace(
        scenario=simulator.scenario,
        parameters=simulator.parameters,
        capacity=simulator.capacity,
        tape=_row_of(simulator.tape, row),
        state=_row_of(simulator.state, row),
    )


def _row_of(record: Any, row: int) -> Any:
    if hasattr(record, "_asdict"):
        return type(record)(*(_row_of(field, row) for field in record))
    return None if record is None else record[row : row + 1]
