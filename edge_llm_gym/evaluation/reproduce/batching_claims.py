"""Claims on batching: optimal or nearly so, ahead of the baselines, and with little search."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.evaluation.reproduce.measures import THROUGHPUT
from edge_llm_gym.evaluation.reproduce.run import BatchingReproduction
from edge_llm_gym.evaluation.reproduce.verdict import AGREES, DISAGREES, Claim, verdict
from edge_llm_gym.evaluation.statistics import Interval

CLAIMED_SAVING: Final = 0.45
GUARANTEE: Final = 0.5


def _is_optimal(run: BatchingReproduction) -> Claim:
    problems, proved, checked, optimal = _counts(run, "proved", "checked", "optimal")
    evidence = (
        f"The search proved its batch optimal in {proved} of {problems} epochs. {checked} of these had few enough "
        f"requests to try all subsets: in {optimal} of them the brute force found the same value."
    )
    good = (proved == problems) + (optimal == checked)
    return Claim("DFTSP finds the optimal batch.", verdict(good, 2), evidence)


def _beats_baselines(run: BatchingReproduction) -> Claim:
    leads = _leads(run)
    ahead = [lead for lead in leads.values() if lead.low > 0]
    tied = [name for name, lead in leads.items() if not lead.excludes_zero]
    behind = [name for name, lead in leads.items() if lead.high < 0]
    evidence = (
        f"In {len(ahead)} of {len(leads)} settings it is ahead of the best baseline, by a paired 95 % interval above 0."
        + (f" No difference can be told at {'; '.join(tied)}." if tied else "")
        + (f" It is behind at {'; '.join(behind)}." if behind else "")
    )
    text = f"{run.study.label} serves more than other ways of batching, across user settings and quantisations."
    found = DISAGREES if len(behind) > len(ahead) else verdict(len(ahead), len(leads))
    return Claim(text, found, evidence)


def _leads(run: BatchingReproduction) -> dict[str, Interval]:
    """Setting -> lead of the scheduler over the best baseline."""
    study = run.study
    return {
        f"{result.sweep.title}: {point.label}": result.lead(index, study.scheduler, study.baselines, THROUGHPUT)
        for result in run.sweeps
        for index, point in enumerate(result.sweep.points)
    }


def _saves_search(run: BatchingReproduction) -> Claim:
    savings = [effort.saved("dftsp", "brute force") for effort in run.effort]
    enough = sum(saving.low > CLAIMED_SAVING for saving in savings)
    evidence = (
        f"Search nodes saved against the 2^n subsets of the brute force, averaged over epochs: "
        f"{_by_rate(run, 'brute force')}. Against a depth-first search that only cuts infeasible sets: "
        f"{_by_rate(run, 'depth first')}. A node of DFTSP may solve a small linear program and then costs more than a "
        f"look at one subset: where few requests wait, nodes are saved and time is not."
    )
    text = f"DFTSP needs over {100 * CLAIMED_SAVING:.0f} % less search than the brute force."
    return Claim(text, verdict(enough, len(savings)), evidence)


def _by_rate(run: BatchingReproduction, against: str) -> str:
    means = ((effort.saved("dftsp", against).mean, effort.rate_per_s) for effort in run.effort)
    return ", ".join(f"{100 * mean:.1f} % at {rate:g}/s" for mean, rate in means)


def _keeps_half(run: BatchingReproduction) -> Claim:
    problems, proved, optimal, improved = _counts(run, "proved", "optimal", "improved optimal")
    ratios = np.concatenate([effort.samples("ratio") for effort in run.effort])
    below = int((ratios < GUARANTEE).sum())
    evidence = (
        f"On {problems} epochs' problems the worst ratio to the exact optimum was {ratios.min():.3f}; {below} fell "
        f"below 1/2. {optimal} assignments were optimal outright, {improved} with our optional improvement. The "
        f"optimum was proved in {proved} cases; in any other the ratio is taken to its upper bound."
    )
    text = "OT-GAH serves at least half of what an optimal assignment would."
    return Claim(text, AGREES if below == 0 else DISAGREES, evidence)


def _counts(run: BatchingReproduction, *names: str) -> tuple[int, ...]:
    """Number of problems, and of those where each of the named figures holds."""
    counts = (sum(effort.total(name) for effort in run.effort) for name in names)
    return sum(effort.count for effort in run.effort), *counts


BATCHING_CLAIMS: Final[Mapping[str, tuple[Callable[[BatchingReproduction], Claim], ...]]] = MappingProxyType(
    {"dftsp": (_is_optimal, _beats_baselines, _saves_search), "ot-gah": (_keeps_half, _beats_baselines)}
)
"""Study -> the claims that it judges."""
