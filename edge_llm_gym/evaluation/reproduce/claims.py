"""What agrees with the abstracts' claims and what does not, judged from the numbers of a run."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.evaluation.reproduce.batching_claims import BATCHING_CLAIMS
from edge_llm_gym.evaluation.reproduce.measures import MEASURES
from edge_llm_gym.evaluation.reproduce.routing_claims import ROUTING_CLAIMS
from edge_llm_gym.evaluation.reproduce.run import Reproduction
from edge_llm_gym.evaluation.reproduce.verdict import Claim

CLAIMS: Final[Mapping[str, tuple[Callable[[Any], Claim], ...]]] = MappingProxyType(
    {**BATCHING_CLAIMS, **ROUTING_CLAIMS}
)
"""Study -> the claims that it judges."""


def judge(reproduction: Reproduction) -> list[Claim]:
    """The claims of the study's abstract against the run."""
    return [claim(reproduction) for claim in CLAIMS[reproduction.study.name]]


def unbeaten(run: Reproduction) -> tuple[int, int]:
    """Of how many episodes of other policies was none better than the scheduler's on the same tape, and of all.

    Better is meant in the study's decisive measure.
    """
    measure = run.study.measures[0]
    sign, not_better, episodes = MEASURES[measure].sign, 0, 0
    for result in run.sweeps:
        for index in range(len(result.sweep.points)):
            own = result.samples(index, run.study.scheduler, measure)
            for policy, _ in run.study.policies:
                if policy != run.study.scheduler:
                    lead = sign * (own - result.samples(index, policy, measure))
                    not_better += int((lead >= -1e-12).sum())
                    episodes += own.size
    return not_better, episodes
