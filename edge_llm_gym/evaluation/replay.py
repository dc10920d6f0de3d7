"""The trace that a workload replays, and by how much its time is rescaled."""

from dataclasses import asdict, dataclass
from typing import Self

from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.workload.replay import TraceReplay
from edge_llm_gym.workload.workload import TraceWorkload


@dataclass(frozen=True)
class Replay:
    """Rates of a replayed trace in requests per s: that of its file, and that of the episodes."""

    trace: str
    file_rate_per_s: float
    rate_per_s: float

    @property
    def time_scale(self) -> float:
        """Factor of the gaps between arrivals; 1 keeps the time of the file."""
        return self.file_rate_per_s / self.rate_per_s

    def as_json(self) -> dict[str, str | float]:
        """As plain data."""
        return asdict(self) | {"time_scale": self.time_scale}

    def __str__(self) -> str:
        return (
            f"trace {self.trace}: {self.file_rate_per_s:.3g}/s in the file, replayed at {self.rate_per_s:.3g}/s "
            f"(time rescaled by {self.time_scale:.3g})"
        )

    @classmethod
    def of(cls, simulator: Simulator) -> Self | None:
        """The replay of a simulator's workload; None where arrivals come from no trace."""
        workload = simulator.tape_generator.workload
        source = workload if isinstance(workload, TraceWorkload) else getattr(workload, "process", None)
        if not isinstance(source, (TraceWorkload, TraceReplay)):
            return None
        return cls(source.trace.name, source.trace.rate_per_s, source.rate_per_s)
