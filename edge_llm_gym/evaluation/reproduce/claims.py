"""What agrees with the abstracts' claims and what does not, judged from the numbers of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.evaluation.reproduce.run import THROUGHPUT, Reproduction
from edge_llm_gym.evaluation.statistics import Interval

AGREES, IN_PART, DISAGREES = "agrees", "agrees in part", "does not agree"
CLAIMED_SAVING: Final = 0.45
GUARANTEE: Final = 0.5


@dataclass(frozen=True)
class Claim:
    """A claim in our words, whether this run agrees, and why."""

    text: str
    verdict: str
    evidence: str


def judge(reproduction: Reproduction) -> list[Claim]:
    """The claims of the study's abstract against the run."""
    return [claim(reproduction) for claim in CLAIMS[reproduction.study.name]]


def _verdict(good: int, of: int) -> str:
    if good == of:
        return AGREES
    return IN_PART if good else DISAGREES


def _is_optimal(run: Reproduction) -> Claim:
    problems, proved, checked, optimal = _counts(run, "proved", "checked", "optimal")
    evidence = (
        f"The search proved its batch optimal in {proved} of {problems} epochs. {checked} of these had few enough "
        f"requests to try all subsets: in {optimal} of them the brute force found the same value."
    )
    good = (proved == problems) + (optimal == checked)
    return Claim("DFTSP finds the optimal batch.", _verdict(good, 2), evidence)


def _beats_baselines(run: Reproduction) -> Claim:
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
    verdict = DISAGREES if len(behind) > len(ahead) else _verdict(len(ahead), len(leads))
    return Claim(text, verdict, evidence)


def _leads(run: Reproduction) -> dict[str, Interval]:
    """Setting -> lead of the scheduler over the best baseline."""
    study = run.study
    return {
        f"{result.sweep.title}: {point.label}": result.lead(index, study.scheduler, study.baselines)
        for result in run.sweeps
        for index, point in enumerate(result.sweep.points)
    }


def _saves_search(run: Reproduction) -> Claim:
    savings = [effort.saved("dftsp", "brute force") for effort in run.effort]
    enough = sum(saving.low > CLAIMED_SAVING for saving in savings)
    evidence = (
        f"Search nodes saved against the 2^n subsets of the brute force, averaged over epochs: "
        f"{_by_rate(run, 'brute force')}. Against a depth-first search that only cuts infeasible sets: "
        f"{_by_rate(run, 'depth first')}. A node of DFTSP may solve a small linear program and then costs more than a "
        f"look at one subset: where few requests wait, nodes are saved and time is not."
    )
    text = f"DFTSP needs over {100 * CLAIMED_SAVING:.0f} % less search than the brute force."
    return Claim(text, _verdict(enough, len(savings)), evidence)


def _by_rate(run: Reproduction, against: str) -> str:
    means = ((effort.saved("dftsp", against).mean, effort.rate_per_s) for effort in run.effort)
    return ", ".join(f"{100 * mean:.1f} % at {rate:g}/s" for mean, rate in means)


def _keeps_half(run: Reproduction) -> Claim:
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


def _counts(run: Reproduction, *names: str) -> tuple[int, ...]:
    """Number of problems, and of those where each of the named figures holds."""
    counts = (sum(effort.total(name) for effort in run.effort) for name in names)
    return sum(effort.count for effort in run.effort), *counts


CLAIMS: Final[Mapping[str, tuple[Callable[[Reproduction], Claim], ...]]] = MappingProxyType(
    {"dftsp": (_is_optimal, _beats_baselines, _saves_search), "ot-gah": (_keeps_half, _beats_baselines)}
)
"""Study -> the claims that it judges."""


def unbeaten(run: Reproduction) -> tuple[int, int]:
    """Of how many episodes of other policies did none serve more than the scheduler on the same tape, and of all."""
    not_above, episodes = 0, 0
    for result in run.sweeps:
        for index in range(len(result.sweep.points)):
            own = result.samples(index, run.study.scheduler, THROUGHPUT)
            for policy, _ in run.study.policies:
                if policy != run.study.scheduler:
                    not_above += int((result.samples(index, policy, THROUGHPUT) <= own + 1e-12).sum())
                    episodes += own.size
    return not_above, episodes
