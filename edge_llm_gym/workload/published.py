"""Workloads fitted to published traces: their numbers are shipped with the source, the traces are not.

How well the fits do, measured values against the model's expectation for a trace of the same length:

- Token counts: mean, median, 90th and 99th percentile within 2 % or 1 token.
- Dispersion of counts: within 3 % for every window from 0.5 s to 60 s. Below, the code trace has requests sent together
  that no rate modulation makes: at 0.1 s the model shows 7 % too little, and a quarter of its gaps are under 19 ms
  where a quarter of the measured ones are under 2 ms.
- Coefficient of variation of the gaps, median of simulated traces: conv 1.07 (measured 1.09), code 13.0 (13.2).

Lengths are drawn independently of the arrivals and of each other. In the conv trace outputs are a little shorter in
crowded moments (rank correlation -0.16 with the number of requests in the same 2 s) and resemble the one before (0.11):
that is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from edge_llm_gym.names import known_name
from edge_llm_gym.workload.arrivals import ModulatedPoisson, Modulation
from edge_llm_gym.workload.lengths import QuantileTable

PUBLISHED = ("azure-code-2023", "azure-conv-2023")
"""Names that `published` knows: one file each in the folder `published`."""


@dataclass(frozen=True)
class PublishedWorkload:
    """What was measured on a public trace, and the models that scripts/fit_published_workload.py fitted to it."""

    name: str
    source: str
    licence: str
    citation: str
    measured: Mapping[str, float]
    """The trace as `traces.describe` puts it"""
    dispersion: Mapping[float, float]
    """Index of dispersion of the trace's counts, by window [s]"""
    arrivals: ModulatedPoisson
    lengths: QuantileTable


@cache
def published(name: str) -> PublishedWorkload:
    """The shipped workload of that name; raises ValueError, with a suggestion, for a name not in `PUBLISHED`."""
    known_name("published workload", name, PUBLISHED)
    file = resources.files("edge_llm_gym.workload") / "published" / f"{name}.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    modulations = tuple(Modulation(**each) for each in data.pop("modulations"))
    lengths = {key: tuple(value) for key, value in data.pop("quantiles").items()}
    return PublishedWorkload(
        **data,
        name=name,
        arrivals=ModulatedPoisson(data["measured"]["rate_per_s"], modulations),
        lengths=QuantileTable(**lengths, rank_correlation=data["measured"]["rank_correlation"]),
    )
