"""What an admission brings to the simulator, and the table of admissions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.dynamics import BatchingDynamics
from edge_llm_gym.sim.pooled.routing_dynamics import BatchingRoutingDynamics
from edge_llm_gym.sim.streaming.dynamics import StreamingDynamics
from edge_llm_gym.sim.tape import TapeGenerator


class Dynamics(Protocol):
    """One kind of admission. Tape and state are NamedTuples of its own, of arrays whose first axis is that of rows."""

    @property
    def tape_generator(self) -> TapeGenerator:
        """Draws episodes."""
        ...

    @property
    def parameters(self) -> Any:
        """The scenario's constants as the kernels take them."""
        ...

    def allocate(self, rows: int, capacity: int) -> tuple[Any, Any]:
        """An empty tape and a state, for `capacity` requests."""
        ...

    def begin(self, tape: Any, state: Any, row: int) -> None:
        """Sets a row to the start of its freshly drawn tape."""
        ...

    @property
    def step(self) -> Callable[..., Any]:
        """One epoch of every row: (tape, state, *action) -> result, the arrays of the action checked before."""
        ...

    def admissible(self, tape: Any, state: Any) -> Array:
        """[R, N, K + 1] bool; raises TypeError where actions are continuous."""
        ...

    def conserves(self, tape: Any, state: Any) -> Array:
        """[R] bool, whether no request has been lost or counted twice."""
        ...


DYNAMICS: Final[Mapping[str, Callable[[Scenario], Dynamics]]] = MappingProxyType(
    {"batching": BatchingDynamics, "streaming": StreamingDynamics, "batching_routing": BatchingRoutingDynamics}
)
"""Admission -> its physics."""
