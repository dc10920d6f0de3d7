"""What is swept: the studies as data, one for each of the two batching papers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import gymnasium

from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.experts import Policy, make_expert

RATE: Final = "arrivals.rate_per_s"
STATIC_BATCH_SIZE: Final = 3
"""The best size over the middle of the swept rates, on both presets: the baseline is tuned, not a straw man."""


@dataclass(frozen=True)
class Point:
    """One setting of a sweep: its label, and the overrides that make it."""

    label: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """Settings along one axis. `key` is short and serves file names; the labels of a `numeric` sweep are numbers."""

    key: str
    title: str
    axis: str
    points: tuple[Point, ...]
    numeric: bool = True


@dataclass(frozen=True)
class Study:
    """One paper's reconstruction: scenario, scheduler in question, baselines and sweeps.

    Search effort is measured on the problems of every `keep_every`-th epoch at the `effort_rates`. `short` marks a
    trial run.
    """

    name: str
    title: str
    source: str
    environment: str
    scenario: str
    scheduler: str
    label: str
    policies: tuple[tuple[str, PolicyLike], ...]
    sweeps: tuple[Sweep, ...]
    effort_rates: tuple[float, ...]
    keep_every: int = 1
    horizon_epochs: int = 50
    short: bool = False

    def settings(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """What `compare` and `gymnasium.make` take for one setting of a sweep."""
        return {"scenario": self.scenario, "overrides": {"horizon_epochs": self.horizon_epochs} | dict(overrides)}

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the policies to be beaten: not the scheduler itself, nor our own variants of it."""
        return tuple(name for name, _ in self.policies if name not in {self.scheduler, *VARIANTS})

    def shortened(self) -> "Study":
        """A trial of the same study: few epochs, two settings of every sweep."""
        sweeps = tuple(replace(sweep, points=(sweep.points[0], sweep.points[-1])) for sweep in self.sweeps)
        return replace(self, sweeps=sweeps, effort_rates=self.effort_rates[2:4], horizon_epochs=5, short=True)


def _expert(name: str, settings: dict[str, Any], env: gymnasium.Env) -> Policy:
    return make_expert(name, env, **settings)


PLAIN_OT_GAH: Final = "ot-gah"
IMPROVED_OT_GAH: Final = "ot-gah, improved"
VARIANTS: Final = frozenset({IMPROVED_OT_GAH})
_BASELINES: tuple[tuple[str, PolicyLike], ...] = (
    ("sjf", "sjf"),
    ("fcfs", "fcfs"),
    ("edf", "edf"),
    ("stb", partial(_expert, "stb", {"batch_size": STATIC_BATCH_SIZE})),
    ("nob", "nob"),
    ("random", "random"),
)
_MODELS = {"bloom-3b": "BLOOM-3B", "bloom-7.1b": "BLOOM-7.1B", "opt-13b": "OPT-13B"}
_METHODS = {"w8a16": "W8A16", "w4a16-gptq": "W4A16 GPTQ", "w4a16-rtn": "W4A16 RTN"}
_BUDGET_ENDS_S = (1.0, 1.5, 2.0, 2.5, 3.0)


def _rate_sweep(rates: tuple[float, ...]) -> Sweep:
    points = tuple(Point(f"{rate:g}", {RATE: rate}) for rate in rates)
    return Sweep("rate", "Arrival rate", "arrivals per second", points)


def _budget_sweep() -> Sweep:
    points = tuple(Point(f"{end_s:g}", {"requests.budget_s": (0.5, end_s)}) for end_s in _BUDGET_ENDS_S)
    return Sweep("budget", "Latency budget", "longest latency budget [s], the shortest being 0.5 s", points)


def _quantisation_sweep(model: str, nodes: int) -> Sweep:
    """Every node quantised by the same method."""
    points = tuple(
        Point(label, {"model": model} | {f"nodes.{node}.quantization": method for node in range(nodes)})
        for method, label in _METHODS.items()
    )
    return Sweep(f"quantisation-{model}", f"Quantisation of {_MODELS[model]}", "quantisation", points, numeric=False)


def _sweeps(rates: tuple[float, ...], nodes: int) -> tuple[Sweep, ...]:
    return (_rate_sweep(rates), _budget_sweep(), *(_quantisation_sweep(model, nodes) for model in _MODELS))


DFTSP: Final = Study(
    name="dftsp",
    title="Reconstruction of the DFTSP study",
    source="Edge Intelligence Optimization for Large Language Model Inference with Batching and Quantization, "
    "arXiv 2405.07140",
    environment="EdgeLLM/SingleNode-v0",
    scenario="paper-single-node",
    scheduler="dftsp",
    label="DFTSP",
    policies=(("dftsp", "dftsp"), *_BASELINES),
    sweeps=_sweeps((2.0, 5.0, 10.0, 20.0, 40.0, 80.0), nodes=1),
    effort_rates=(2.0, 5.0, 10.0, 20.0, 40.0),
)
OT_GAH: Final = Study(
    name="ot-gah",
    title="Reconstruction of the OT-GAH study",
    source="Beyond the Cloud: Edge Inference for Generative Large Language Models in Wireless Networks, IEEE TWC 2024, "
    "10.1109/TWC.2024.3497923",
    environment="EdgeLLM/MultiNode-v0",
    scenario="paper-multi-node",
    scheduler=PLAIN_OT_GAH,
    label="OT-GAH",
    policies=(
        (PLAIN_OT_GAH, partial(_expert, "ot-gah", {"improve": False})),
        (IMPROVED_OT_GAH, partial(_expert, "ot-gah", {"improve": True})),
        *_BASELINES,
    ),
    sweeps=_sweeps((5.0, 10.0, 20.0, 40.0, 80.0, 160.0), nodes=3),
    effort_rates=(2.0, 5.0, 10.0, 20.0, 30.0),
    keep_every=10,
)
STUDIES: Final[Mapping[str, Study]] = MappingProxyType({study.name: study for study in (DFTSP, OT_GAH)})
"""Study by name."""
