"""What an admission brings to the simulator, and the table of admissions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from edge_llm_gym.sim.epoch import EpochPhysics
from edge_llm_gym.sim.recording import Recorder
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.staged.physics import StagedPhysics
from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.stream.physics import StreamPhysics


class Physics(Protocol):
    """One kind of admission. Tape and state are NamedTuples of its own, of arrays whose first axis is that of rows."""

    @property
    def recorder(self) -> Recorder:
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


PHYSICS: Final[Mapping[str, Callable[[Scenario], Physics]]] = MappingProxyType(
    {"epoch": EpochPhysics, "stream": StreamPhysics, "staged": StagedPhysics}
)
"""Admission -> its physics."""
