"""Means over a rollout of the environment's metrics: reward terms, served value, delays, refusals by cause."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.callbacks import BaseCallback

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.metrics import (
    delay_quantiles,
    epoch_means,
    mean_over_served,
    on_time_share,
    served_share,
    weighted_metrics,
)
from edge_llm_gym.sim.outcomes import EMPTY, SERVED
from edge_llm_gym.sim.simulator import Simulator

SHARES = {"served_share": served_share, "on_time_share": on_time_share}
"""Tag -> share of the requests that arrived."""
MEANS_OF_SERVED = {
    "mean_delay_of_served_s": "delay_s",
    "mean_quality_of_served": "quality",
    "energy_per_served_j": "energy_j",
}
"""Tag -> metric that is divided by the number of served requests."""
MARKER = "metrics/served_share"
"""While the logger holds this tag, the line with the last means is not written yet."""


class MetricsCallback(BaseCallback):
    """Records under `metrics/`, `reward_terms/` and `policy/` (histograms of the last actions, by key).

    Means are over all steps since the last line that the logger wrote: one rollout of on-policy algorithms, many short
    ones of the others.
    """

    def _on_training_start(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._sums: dict[str, float] = {}
        self._rewards: dict[str, float] = {}
        self._delays_s: list[Array] = []
        self._steps = 0
        self._is_recorded = False

    def _reset_if_written(self) -> None:
        """Starts new means once the logger has written the last ones: writing empties its table."""
        if self._is_recorded and MARKER not in self.logger.name_to_value:
            self._reset()

    def _on_step(self) -> bool:
        self._reset_if_written()
        info = self._info()
        _add(self._sums, weighted_metrics(info["metrics"], self._simulator().scenario.metric_table))
        _add(self._sums, self._reset_flows())
        _add(self._rewards, info["rewards"])
        if "slots" in info and self._simulator().scenario.batching == "static":
            slots = info["slots"]
            self._delays_s.append(slots["latency_s"][slots["outcome"] == SERVED])
        self._steps += 1
        return True

    def _info(self) -> dict[str, Any]:
        """The step's info over all rows; where rows have just ended, it is one level deeper."""
        info: dict[str, Any] = self.training_env.last_info  # type: ignore[attr-defined]
        return dict(info.get("final_info", info))

    def _reset_flows(self) -> dict[str, Array]:
        """The flows of the resets in this step: what arrives before the first decision of an episode."""
        info, table = self.training_env.last_info, self._simulator().scenario.metric_table  # type: ignore[attr-defined]
        if "final_info" not in info:
            return {}
        ended = info["_final_info"]
        return {name: info["metrics"][name][ended] for name, metric in table.items() if metric.kind == "flow"}

    def _simulator(self) -> Simulator:
        simulator: Simulator = self.training_env.envs.simulator  # type: ignore[attr-defined]
        return simulator

    def _on_rollout_end(self) -> None:
        self._reset_if_written()
        if self._steps:
            self._record()
            self._is_recorded = True

    def _record(self) -> None:
        count = self._steps * self.training_env.num_envs
        for name, value in epoch_means(self._sums, count, self._simulator().scenario.metric_table).items():
            self.logger.record(f"metrics/{name}", value)
        for name, total in self._rewards.items():
            self.logger.record(f"reward_terms/{name}", total / count)
        for tag, share in SHARES.items():
            self.logger.record(f"metrics/{tag}", share(self._sums, empty=0.0))
        for tag, name in MEANS_OF_SERVED.items():
            self.logger.record(f"metrics/{tag}", mean_over_served(self._sums, name, empty=0.0))
        self._record_delays()
        self._record_actions()

    def _record_delays(self) -> None:
        delays_s = np.concatenate(self._delays_s) if self._delays_s else self._recent_delays_s()
        if delays_s.size:
            for name, delay_s in delay_quantiles(delays_s).items():
                self.logger.record(f"metrics/{name}", delay_s)

    def _recent_delays_s(self) -> Array:
        """Delays of the requests since then in the running episodes."""
        return recent_delays_s(self._simulator(), self._steps)

    def _record_actions(self) -> None:
        actions: Mapping[str, Array] = self.training_env.last_action  # type: ignore[attr-defined]
        for key, values in actions.items():
            numbers = th.as_tensor(np.asarray(values, np.float32).ravel())
            self.logger.record(f"policy/{key}", numbers, exclude=("stdout", "csv", "json", "log"))


def recent_delays_s(simulator: Simulator, epochs: int) -> Array:
    """Delays of all rows' requests of the last epochs, where the slots of a step do not tell them.

    Of a stream, those that arrived; of continuous batching, those that were served; else none.
    """
    state, epoch_s = simulator.state, simulator.scenario.epoch_s
    if simulator.scenario.batching == "continuous":
        begin_s = (state.epoch + 1 - epochs) * epoch_s
        is_recent = (state.requests.outcome == SERVED) & (state.requests.finish_s[..., 0] > begin_s[:, None])
        return np.asarray(state.requests.latency_s[is_recent])
    if simulator.scenario.dynamics != "streaming":
        return np.zeros(0)
    since_s = (state.epoch - epochs) * epoch_s
    is_recent = (state.requests.outcome != EMPTY) & (simulator.tape.requests.arrival_s >= since_s[:, None])
    delays_s: Array = state.requests.delay_s[is_recent]
    return delays_s


def _add(sums: dict[str, float], values: Mapping[str, Any]) -> None:
    """Adds the sum over rows of each array; keys that start with an underscore are Gymnasium's masks."""
    for name, array in values.items():
        if not name.startswith("_"):
            sums[name] = sums.get(name, 0.0) + float(array.sum())
