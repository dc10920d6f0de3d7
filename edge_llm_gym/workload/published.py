"""Workloads fitted to published traces; the package holds the fitted numbers, not the traces.

Accuracy of the fits, measured values against the model's expectation for a trace of the same length:

- Token counts: mean, median, 90th and 99th percentile within 2 % or 1 token.
- Dispersion of counts: within 3 % for every window from 0.5 s to 60 s. In shorter windows the code trace contains
  simultaneous requests that rate modulation cannot reproduce: at 0.1 s the model's dispersion is 7 % too low, and the
  lower quartile of its gaps is 19 ms instead of the measured 2 ms.
- Coefficient of variation of the gaps, median of simulated traces: conv 1.07 (measured 1.09), code 13.0 (13.2).

Lengths are drawn independently of the arrivals and of each other. In the conv trace outputs are slightly shorter under
high load (rank correlation -0.16 with the number of requests in the same 2 s) and correlate with the previous output
(0.11); the model does not reproduce this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from edge_llm_gym.names import known_name
from edge_llm_gym.workload.arrivals import ModulatedPoisson, Modulation
from edge_llm_gym.workload.lengths import QuantileTable
from edge_llm_gym.yaml_text import parse_yaml

PUBLISHED = ("azure-code-2023", "azure-conv-2023")
"""Names of the published workloads: one file each in the folder `published`."""


@dataclass(frozen=True)
class PublishedWorkload:
    """Statistics of a public trace, and the models that scripts/fit_published_workload.py fitted to it."""

    name: str
    source: str
    licence: str
    citation: str
    measured: Mapping[str, float]
    """Statistics of the trace from `traces.describe`"""
    dispersion: Mapping[float, float]
    """Index of dispersion of the trace's counts, by window [s]"""
    arrivals: ModulatedPoisson
    lengths: QuantileTable


@cache
def published(name: str) -> PublishedWorkload:
    """A published workload by name. Raises ValueError with a suggestion for a name not in `PUBLISHED`."""
    known_name("published workload", name, PUBLISHED)
    file = resources.files("edge_llm_gym.workload") / "published" / f"{name}.yaml"
    data = parse_yaml(file.read_text(encoding="utf-8"))
    modulations = tuple(Modulation(**each) for each in data.pop("modulations"))
    lengths = {key: tuple(value) for key, value in data.pop("quantiles").items()}
    return PublishedWorkload(
        **data,
        name=name,
        arrivals=ModulatedPoisson(data["measured"]["rate_per_s"], modulations),
        lengths=QuantileTable(**lengths, rank_correlation=data["measured"]["rank_correlation"]),
    )
