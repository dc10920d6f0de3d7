"""A linear policy of streams: how full the stages are and how sure the first answers, to the numbers of the tilt codec.

A file of one is a zip with a plain array and the name of the scenario; nothing in it is ever run.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agents.config import ConfigError
from agents.tilt_codec import Tilt
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.stream.observation import NODE_FEATURES, QUANTILES

WEIGHTS, ABOUT = "linear.npy", "about.json"
CLAIMED = NODE_FEATURES.index("claimed")
MEDIAN = QUANTILES.index(0.5)
MOST_CLAIMED = 3.0  # epochs; longer queues look the same


class LinearPolicy:
    """Slope and threshold shifts [1 + S] linear in the features [F], and a bonus [K] for each node.

    Features of S stages: 1, the median confidence at the first exit about its middle, arrivals about their mean, and
    the mean claimed time of each stage's nodes. `parameters` is flat: F x (1 + S) numbers, then K. Raises ValueError
    for another number of them. A `codec` of the same scenario saves making its plan once more.
    """

    def __init__(self, scenario: Scenario, parameters: Array, codec: Tilt | None = None) -> None:
        self._codec, network = codec or Tilt(scenario), scenario.network
        self._members = [network.stage == stage for stage in range(network.stages)]
        features, outputs, nodes = 3 + network.stages, 1 + network.stages, len(scenario.nodes)
        expected = features * outputs + nodes
        if np.shape(parameters) != (expected,):
            raise ValueError(
                f"scenario {scenario.name!r} takes a linear policy of {expected} numbers, got {np.shape(parameters)}"
            )
        self.scenario, self.parameters = scenario, np.asarray(parameters, np.float64)
        self._weights = self.parameters[: features * outputs].reshape(features, outputs)
        self._bonus = self.parameters[features * outputs :]

    @staticmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""
        stages = scenario.network.stages
        return (3 + stages) * (1 + stages) + len(scenario.nodes)

    def predict(
        self,
        observation: Mapping[str, Array],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[dict[str, Array], None]:
        """Action of the environment for one observation or a batch."""
        if np.ndim(observation["backlog"]) == 2:
            return self._codec.decode(self.flat(observation), observation), None
        rows = {key: np.asarray(value)[None] for key, value in observation.items()}
        return {key: value[0] for key, value in self._codec.decode(self.flat(rows), rows).items()}, None

    def flat(self, observation: Mapping[str, Array]) -> Array:
        """Numbers of the tilt codec [R, 1 + 2 K] for a batch."""
        outputs = self._features(observation) @ self._weights
        shift = sum(outputs[:, 1 + stage, None] * members for stage, members in enumerate(self._members))
        bonus = np.broadcast_to(self._bonus, (len(outputs), self._bonus.size))
        return np.clip(np.concatenate([outputs[:, :1], bonus, shift], axis=1), -1.0, 1.0)

    def _features(self, observation: Mapping[str, Array]) -> Array:
        claimed = np.minimum(np.asarray(observation["nodes"], np.float64)[..., CLAIMED], MOST_CLAIMED)
        columns = [
            np.ones(len(claimed)),
            3.0 * (np.asarray(observation["exit_confidence"])[:, 0, MEDIAN] - 0.5),
            np.asarray(observation["arrivals"]).mean(axis=1) - 1.0,
            *(claimed[:, members].mean(axis=1) for members in self._members),
        ]
        return np.stack(columns, axis=1)

    def save(self, path: Path) -> None:
        """Writes the parameters and the scenario's name."""
        buffer = io.BytesIO()
        np.save(buffer, self.parameters, allow_pickle=False)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(WEIGHTS, buffer.getvalue())
            archive.writestr(ABOUT, json.dumps({"scenario": self.scenario.name}))


def is_linear(path: Path) -> bool:
    """Whether a file holds a linear policy."""
    return zipfile.is_zipfile(path) and WEIGHTS in zipfile.ZipFile(path).namelist()


def load_linear(path: Path, scenario: Scenario) -> LinearPolicy:
    """The policy of a file for a scenario of streams. Raises ConfigError where they do not fit."""
    with zipfile.ZipFile(path) as archive:
        parameters = np.load(io.BytesIO(archive.read(WEIGHTS)), allow_pickle=False)
    try:
        return LinearPolicy(scenario, parameters)
    except ValueError as error:
        raise ConfigError(f"{path} does not fit: {error}") from error
