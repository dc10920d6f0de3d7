"""Base of the linear policies: a known number of parameters, the predict protocol, and a file format.

A file is a zip archive of a plain array and a JSON description; loading it runs no code.
"""

import copy
import io
import json
import zipfile
from abc import abstractmethod
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.arrays import Array
from edge_llm_gym.experts.policy import Action, BatchPolicy, Memory, Observation
from edge_llm_gym.files import replacing
from edge_llm_gym.linear.assignment import SEARCHES
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import Scenario

WEIGHTS, ABOUT = "linear.npy", "about.json"
MAX_LOG_FACTOR: Final = 4.0
"""Bound on the logarithm of a factor."""


class LinearPolicy(BatchPolicy):
    """A policy of one scenario that is linear in features of the observation, up to a last nonlinearity.

    A search for parameters starts from all zeros. `search` says how a node's batch is found in pooled dynamics, see
    `edge_llm_gym.linear.assignment`. Raises ValueError for another number of parameters than `size` and for an unknown
    search.
    """

    def __init__(self, scenario: Scenario, parameters: ArrayLike | None = None, search: str = "exact") -> None:
        super().__init__(type(self).__name__, scenario)
        self.search = known_name("search", search, SEARCHES)
        self.parameters = self._checked(np.zeros(self.size(scenario)) if parameters is None else parameters)

    @staticmethod
    @abstractmethod
    def size(scenario: Scenario) -> int:
        """Number of parameters."""

    def act(self, observation: Observation) -> Action:
        """Action of the environment for a batch of observations."""
        return self.act_with(observation, self.parameters[None])

    @abstractmethod
    def act_with(self, observation: Observation, parameters: Array) -> Action:
        """Action for observations of R rows under parameters [R, P] of their own, or [1, P] for all of them."""

    def with_parameters(self, parameters: ArrayLike) -> Self:
        """The same policy with other parameters; everything else is shared."""
        other = copy.copy(self)
        other.parameters = self._checked(parameters)
        return other

    def act_rows(self, observation: Observation, memory: Memory, deterministic: bool) -> tuple[Action, Memory]:
        """Actions of R rows, always deterministic; there is no memory."""
        return self.act(observation), memory

    def save(self, path: Path) -> None:
        """Writes the parameters, and the scenario's name and dynamics."""
        buffer = io.BytesIO()
        np.save(buffer, self.parameters, allow_pickle=False)
        about = {"scenario": self.scenario.name, "dynamics": self.scenario.dynamics, "search": self.search}
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(WEIGHTS, buffer.getvalue())
            archive.writestr(ABOUT, json.dumps(about))

    def _checked(self, parameters: ArrayLike) -> Array:
        array, expected = np.array(parameters, np.float64), self.size(self.scenario)
        if array.shape != (expected,):
            raise ValueError(
                f"scenario {self.scenario.name!r} takes a linear policy of {expected} numbers, got shape {array.shape}"
            )
        array.setflags(write=False)
        return array


def clipped_exp(logarithm: Array) -> Array:
    """exp of logarithms that are clipped to MAX_LOG_FACTOR."""
    return np.exp(np.clip(logarithm, -MAX_LOG_FACTOR, MAX_LOG_FACTOR))


def is_linear(path: Path) -> bool:
    """Whether a file holds a linear policy."""
    return zipfile.is_zipfile(path) and WEIGHTS in zipfile.ZipFile(path).namelist()


def read_linear(path: Path) -> tuple[Array, dict[str, str]]:
    """The parameters in a file, and the name and dynamics of the scenario that they were found for."""
    with zipfile.ZipFile(path) as archive:
        return np.load(io.BytesIO(archive.read(WEIGHTS)), allow_pickle=False), json.loads(archive.read(ABOUT))
