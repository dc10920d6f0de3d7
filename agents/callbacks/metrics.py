"""Means over a rollout of what the environment reports: reward terms, served value, delays, refusals by cause."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.callbacks import BaseCallback

from edge_llm_gym.arrays import Array
from edge_llm_gym.sim.outcomes import EMPTY, SERVED
from edge_llm_gym.sim.simulator import Simulator

SHARES = {"served_share": ("served_value", "arrived_value"), "on_time": ("served", "arrived")}
MEANS_OF_SERVED = ("delay_s", "quality")
QUANTILES = {"p50": 0.5, "p95": 0.95}
WITNESS = "environment/served_share"  # while the logger holds it, its line is still to be written


class MetricsCallback(BaseCallback):
    """Records under `environment/`, `rewards/` and `actions/` (histograms of the last actions, by key).

    Means go back to the last line that the logger wrote: over one rollout of on-policy algorithms, over many short ones
    of the others.
    """

    def _on_training_start(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._sums: dict[str, float] = {}
        self._rewards: dict[str, float] = {}
        self._delays_s: list[Array] = []
        self._steps = 0
        self._is_recorded = False

    def _begin_if_written(self) -> None:
        """Forgets what the logger has had: it empties its table where it writes."""
        if self._is_recorded and WITNESS not in self.logger.name_to_value:
            self._begin()

    def _on_step(self) -> bool:
        self._begin_if_written()
        info = self._info()
        _add(self._sums, info["metrics"])
        _add(self._rewards, info["rewards"])
        if "slots" in info:
            slots = info["slots"]
            self._delays_s.append(slots["latency_s"][slots["outcome"] == SERVED])
        self._steps += 1
        return True

    def _info(self) -> dict[str, Any]:
        """The step's info over all rows; where rows have just ended, it lies one level down."""
        info: dict[str, Any] = self.training_env.last_info  # type: ignore[attr-defined]
        return dict(info.get("final_info", info))

    def _on_rollout_end(self) -> None:
        self._begin_if_written()
        if self._steps:
            self._record()
            self._is_recorded = True

    def _record(self) -> None:
        count = self._steps * self.training_env.num_envs
        for name, total in self._sums.items():
            self.logger.record(f"environment/{name}", total / count)
        for name, total in self._rewards.items():
            self.logger.record(f"rewards/{name}", total / count)
        for name, (part, whole) in SHARES.items():
            self.logger.record(f"environment/{name}", self._sums[part] / max(self._sums[whole], 1e-12))
        for name in MEANS_OF_SERVED:
            self.logger.record(f"environment/{name}_of_served", self._sums[name] / max(self._sums["served"], 1.0))
        self._record_delays()
        self._record_actions()

    def _record_delays(self) -> None:
        delays_s = np.concatenate(self._delays_s) if self._delays_s else self._of_streams()
        if delays_s.size:
            for name, level in QUANTILES.items():
                self.logger.record(f"environment/delay_{name}_s", float(np.quantile(delays_s, level)))

    def _of_streams(self) -> Array:
        """Delays of requests that arrived meanwhile, late ones too; of the episodes that go on now."""
        simulator: Simulator = self.training_env.envs.simulator  # type: ignore[attr-defined]
        return recent_delays_s(simulator, self._steps)

    def _record_actions(self) -> None:
        actions: Mapping[str, Array] = self.training_env.last_action  # type: ignore[attr-defined]
        for key, values in actions.items():
            numbers = th.as_tensor(np.asarray(values, np.float32).ravel())
            self.logger.record(f"actions/{key}", numbers, exclude=("stdout", "csv", "json", "log"))


def recent_delays_s(simulator: Simulator, epochs: int) -> Array:
    """Delays of all rows' requests that arrived in the last epochs of a stream; empty where requests are pooled."""
    if simulator.scenario.dynamics != "streaming":
        return np.zeros(0)
    state, epoch_s = simulator.state, simulator.scenario.epoch_s
    since_s = (state.epoch - epochs) * epoch_s
    is_recent = (state.requests.outcome != EMPTY) & (simulator.tape.requests.arrival_s >= since_s[:, None])
    delays_s: Array = state.requests.delay_s[is_recent]
    return delays_s


def _add(sums: dict[str, float], values: Mapping[str, Any]) -> None:
    """Adds the sum over rows of each array; keys that start with an underscore are Gymnasium's masks."""
    for name, array in values.items():
        if not name.startswith("_"):
            sums[name] = sums.get(name, 0.0) + float(array.sum())
