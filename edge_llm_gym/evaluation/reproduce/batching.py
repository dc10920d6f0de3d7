"""The studies of the two batching papers, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final, Self

from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.evaluation.reproduce.measures import SHARE, THROUGHPUT
from edge_llm_gym.evaluation.reproduce.studies import Point, Study, Sweep, expert, rate_sweep

STATIC_BATCH_SIZE: Final = 3
"""The best size over the middle of the swept rates, on both presets: the baseline is tuned, not a straw man."""
PLAIN_OT_GAH: Final = "ot-gah"
IMPROVED_OT_GAH: Final = "ot-gah, improved"


@dataclass(frozen=True, kw_only=True)
class BatchingStudy(Study):
    """A study whose search effort is measured too, on every `keep_every`-th epoch's problem at the `effort_rates`."""

    effort_rates: tuple[float, ...]
    keep_every: int = 1

    @property
    def episodes_per_seed(self) -> int:
        """Episodes on one tape."""
        return super().episodes_per_seed + len(self.effort_rates)

    def shortened(self) -> Self:
        """A trial of the same study, at two of the rates."""
        return replace(super().shortened(), effort_rates=self.effort_rates[2:4])


_BASELINES: tuple[tuple[str, PolicyLike], ...] = (
    ("sjf", "sjf"),
    ("fcfs", "fcfs"),
    ("edf", "edf"),
    ("stb", partial(expert, "stb", {"batch_size": STATIC_BATCH_SIZE})),
    ("nob", "nob"),
    ("random", "random"),
)
_MODELS = {"bloom-3b": "BLOOM-3B", "bloom-7.1b": "BLOOM-7.1B", "opt-13b": "OPT-13B"}
_METHODS = {"w8a16": "W8A16", "w4a16-gptq": "W4A16 GPTQ", "w4a16-rtn": "W4A16 RTN"}
_BUDGET_ENDS_S = (1.0, 1.5, 2.0, 2.5, 3.0)


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
    return (rate_sweep(rates), _budget_sweep(), *(_quantisation_sweep(model, nodes) for model in _MODELS))


DFTSP: Final = BatchingStudy(
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
    measures=(THROUGHPUT, SHARE),
    effort_rates=(2.0, 5.0, 10.0, 20.0, 40.0),
)
OT_GAH: Final = BatchingStudy(
    name="ot-gah",
    title="Reconstruction of the OT-GAH study",
    source="Beyond the Cloud: Edge Inference for Generative Large Language Models in Wireless Networks, IEEE TWC 2024, "
    "10.1109/TWC.2024.3497923",
    environment="EdgeLLM/MultiNode-v0",
    scenario="paper-multi-node",
    scheduler=PLAIN_OT_GAH,
    label="OT-GAH",
    policies=(
        (PLAIN_OT_GAH, partial(expert, "ot-gah", {"improve": False})),
        (IMPROVED_OT_GAH, partial(expert, "ot-gah", {"improve": True})),
        *_BASELINES,
    ),
    variants=frozenset({IMPROVED_OT_GAH}),
    sweeps=_sweeps((5.0, 10.0, 20.0, 40.0, 80.0, 160.0), nodes=3),
    measures=(THROUGHPUT, SHARE),
    effort_rates=(2.0, 5.0, 10.0, 20.0, 30.0),
    keep_every=10,
)
BATCHING_STUDIES: Final[Mapping[str, BatchingStudy]] = MappingProxyType(
    {study.name: study for study in (DFTSP, OT_GAH)}
)
"""Study by name."""
