"""Base of the linear policies: a known number of parameters, the predict protocol, and a file format.

A file is a zip archive of a plain array and a JSON description; loading it runs no code.
"""

import copy
import io
import json
import zipfile
from abc import abstractmethod
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from edge_llm_gym.archives import ArchiveError, member_names, read_array, read_members
from edge_llm_gym.arrays import Array
from edge_llm_gym.experts.policy import Action, BatchPolicy, Memory, Observation
from edge_llm_gym.files import replacing
from edge_llm_gym.linear.assignment import SEARCHES
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.settings import ConfigError
from edge_llm_gym.sim.row_workers import RowWorkers

WEIGHTS, ABOUT = "linear.npy", "about.json"
MAX_LOG_FACTOR: Final = 4.0
"""Bound on the logarithm of a factor."""
MAX_BYTES: Final = 1 << 20
"""Bound on the unpacked size of a file; policies have a few dozen parameters."""


class LinearPolicy(BatchPolicy):
    """A policy of one scenario that is linear in features of the observation, up to a last nonlinearity.

    A search for parameters starts from all zeros. `search` says how a node's batch is found in pooled dynamics, see
    `edge_llm_gym.linear.assignment`, and `num_threads` over how many threads the rows are split there; actions do not
    depend on it. Raises ValueError for another number of parameters than `size`, for an unknown search and for a number
    of threads out of range.
    """

    def __init__(
        self, scenario: Scenario, parameters: ArrayLike | None = None, search: str = "exact", num_threads: int = 1
    ) -> None:
        super().__init__(type(self).__name__, scenario)
        self.search = known_name("search", search, SEARCHES)
        self.workers = RowWorkers(num_threads, num_threads)
        self.parameters = self._checked(np.zeros(self.size(scenario)) if parameters is None else parameters)

    @property
    def independent_rows(self) -> bool:
        """True: every row is decided on its own."""
        return True

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
    """Whether a file of a trained policy holds a linear one. Raises ConfigError for a file that is no zip archive."""
    try:
        return WEIGHTS in member_names(path)
    except ArchiveError as error:
        raise ConfigError(
            f"{path} holds no trained policy: {error}; give a file that a run or a search wrote"
        ) from None


def read_linear(path: Path) -> tuple[Array, dict[str, str]]:
    """The parameters in a file, and the name and dynamics of the scenario that they were found for.

    Raises ConfigError for a file that is damaged or of another form.
    """
    try:
        members = read_members(path, MAX_BYTES, (WEIGHTS, ABOUT))
        return _numbers(read_array(members[WEIGHTS], WEIGHTS)), _about(members[ABOUT])
    except ValueError as error:  # an ArchiveError, or one of those below
        raise ConfigError(f"{path} is no linear policy: {error}; give a file that scripts.search wrote") from None


def _numbers(parameters: Array) -> Array:
    if parameters.dtype.kind not in "fiu" or not np.isfinite(parameters).all():
        raise ValueError(f"its parameters must be finite numbers, got dtype {parameters.dtype}")
    return parameters


def _about(content: bytes) -> dict[str, Any]:
    try:
        about = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{ABOUT} is no JSON: {type(error).__name__}") from None
    if not isinstance(about, dict) or not all(isinstance(about.get(key), str) for key in ("scenario", "dynamics")):
        raise ValueError(f"{ABOUT} must name scenario and dynamics, got {str(about)[:80]}")
    return about
