"""Verdicts on the claims of an abstract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scripts.reproduce.measures import MEASURES
from scripts.reproduce.running import Results

AGREES: Final = "agrees"
IN_PART: Final = "agrees in part"
DISAGREES: Final = "does not agree"


@dataclass(frozen=True)
class Claim:
    """The verdict on a claim and the numbers behind it; the study's template states the claim and the evidence."""

    name: str
    verdict: str
    numbers: Mapping[str, Any]


def verdict(good: int, of: int) -> str:
    """Verdict from the number of cases that are as claimed."""
    if good == of:
        return AGREES
    return IN_PART if good else DISAGREES


def count_better_episodes(results: Results) -> tuple[int, int]:
    """Number of other policies' episodes that beat the scheduler on the same seed, and the number of all of them.

    Compared is the study's primary measure.
    """
    study, better, episodes = results.study, 0, 0
    measure = study.measures[0]
    for result in results.sweeps:
        for point in range(len(result.sweep.points)):
            own = result.samples(point, study.scheduler, measure)
            for policy in study.policy_names:
                if policy != study.scheduler:
                    lead = MEASURES[measure].sign * (own - result.samples(point, policy, measure))
                    better += int((lead < -1e-12).sum())
                    episodes += own.size
    return better, episodes
