"""The suite: tasks, that is environments with fixed settings, and the seeds of their episodes.

A suite is never changed once results of it are published: other tasks, seeds or scores are a suite with a new version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from edge_llm_gym.evaluation.report_layout import LAYOUTS
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario


@dataclass(frozen=True)
class Task:
    """An environment with overrides of its scenario."""

    name: str
    environment: str
    description: str
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def scenario(self) -> Scenario:
        """The scenario of its episodes."""
        return load_scenario(ENVIRONMENTS[self.environment], self.overrides)

    def metric(self) -> str:
        """Metric of an episode that is the score; more is better."""
        return LAYOUTS[self.scenario().variant].score


@dataclass(frozen=True)
class Suite:
    """Tasks, and the seeds of their episodes, the same in every task."""

    version: str
    seeds: tuple[int, ...]
    tasks: tuple[Task, ...]

    def chosen(self, names: Sequence[str] | None) -> tuple[Task, ...]:
        """The tasks of these names, in the order of the suite, or all. Raises ValueError for an unknown name."""
        if names is None:
            return self.tasks
        known = [task.name for task in self.tasks]
        asked = {known_name("task", name, known) for name in names}
        return tuple(task for task in self.tasks if task.name in asked)


def _busier(name: str, environment: str, rate_per_s: float) -> Task:
    return Task(name, environment, f"{rate_per_s:g} requests per second", {"arrivals.rate_per_s": rate_per_s})


def _code(name: str, environment: str, rate_per_s: float) -> Task:
    """Arrivals and lengths fitted to the Azure trace of code completion (see `edge_llm_gym.workload.published`)."""
    overrides = {
        "arrivals": {"process": "azure-code-2023", "rate_per_s": rate_per_s},
        "lengths.kind": "azure-code-2023",
    }
    return Task(name, environment, f"code completion of the Azure trace, {rate_per_s:g} requests per second", overrides)


_MORE_NODES: Final = [
    {
        "name": "l4-extra",
        "hardware": "nvidia-l4",
        "quantization": "w4a16-gptq",
        "usable_flops_fraction": 0.5,
        "memory_fraction": 0.27,
        "position_m": [400.0, 400.0],
        "uplink_hz": 5.0e6,
        "downlink_hz": 5.0e6,
    },
    {
        "name": "orin-extra",
        "hardware": "jetson-agx-orin",
        "quantization": "w4a16-gptq",
        "usable_flops_fraction": 0.5,
        "memory_fraction": 0.1,
        "position_m": [400.0, 700.0],
        "uplink_hz": 5.0e6,
        "downlink_hz": 5.0e6,
    },
]
SINGLE, MULTI, EXIT, JOINT, CONTINUOUS = ENVIRONMENTS
SUITE: Final = Suite(
    version="1",
    seeds=tuple(range(5_000_000, 5_000_010)),  # far from the seeds of training and of the results pages
    tasks=(
        Task("single", SINGLE, "the scenario of the environment"),
        _busier("single-busy", SINGLE, 3.3),
        Task("multi", MULTI, "the scenario of the environment"),
        _busier("multi-busy", MULTI, 4.0),
        _code("multi-code", MULTI, 2.0),
        Task(
            "multi-six-nodes",
            MULTI,
            "transfer: two more nodes, 4 requests per second",
            {"nodes+": _MORE_NODES, "arrivals.rate_per_s": 4.0},
        ),
        Task("continuous", CONTINUOUS, "the scenario of the environment"),
        _busier("continuous-busy", CONTINUOUS, 4.5),
        _code("continuous-code", CONTINUOUS, 2.0),
        Task("early-exit", EXIT, "the scenario of the environment"),
        _busier("early-exit-busy", EXIT, 11.0),
        Task("joint", JOINT, "the scenario of the environment"),
        _busier("joint-busy", JOINT, 3.9),
    ),
)
"""The present suite."""
