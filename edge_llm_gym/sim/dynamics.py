"""The interface between the simulator and the dynamics, and the table of dynamics."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.continuous.dynamics import ContinuousDynamics
from edge_llm_gym.sim.pooled.dynamics import PooledDynamics
from edge_llm_gym.sim.row_workers import Piece
from edge_llm_gym.sim.streaming.dynamics import StreamingDynamics
from edge_llm_gym.sim.tape import TapeGenerator


class Dynamics(Protocol):
    """One kind of dynamics. Tape and state are records of its own, of arrays whose first axis is that of rows."""

    @property
    def tape_generator(self) -> TapeGenerator:
        """Draws episodes."""
        ...

    def generator_of(self, scenario: Scenario) -> TapeGenerator:
        """Draws episodes of a scenario that differs from this one only in what a tape holds."""
        ...

    @property
    def parameters(self) -> Any:
        """The scenario's constants as kernels take them."""
        ...

    def allocate(self, rows: int, capacity: int) -> tuple[Any, Any]:
        """An empty tape and a state, for `capacity` requests."""
        ...

    def begin(self, tape: Any, state: Any, rows: Sequence[int], worker: int = 0) -> None:
        """Sets rows to the start of their freshly drawn tapes, in the thread of a worker."""
        ...

    def held(self, tape: Any, state: Any, worker: int = 0) -> Any:
        """Constants, tape, state and the work space of a worker as one argument for kernels."""
        ...

    def step(self, tape: Any, state: Any, action: tuple[Array, ...], result: Any, piece: Piece) -> None:
        """One epoch of the rows of a piece, whose part of the result it fills; the action was checked before."""
        ...

    def empty_result(self, rows: int) -> Any:
        """The result of a step in which nothing happened."""
        ...

    def admissible(self, tape: Any, state: Any) -> Array:
        """[R, N, K1 + 1] bool; raises TypeError where actions are continuous."""
        ...

    def conserves(self, tape: Any, state: Any) -> Array:
        """[R] bool, whether every request is accounted for exactly once."""
        ...


DYNAMICS: Final[Mapping[str, Callable[[Scenario], Dynamics]]] = MappingProxyType(
    {
        "batching": PooledDynamics,
        "continuous_batching": ContinuousDynamics,
        "batching_routing": PooledDynamics,
        "streaming": StreamingDynamics,
    }
)
"""Variant of a scenario's dynamics -> its simulator."""
