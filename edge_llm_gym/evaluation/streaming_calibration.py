"""Calibration of streaming scenarios: whether routes and exit thresholds are worth choosing."""

from typing import Final

import numpy as np

from edge_llm_gym.evaluation.calibration import Check
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.metrics import ratio

STREAMING_EXPERTS: Final = ("dto-ee", "fixed-threshold", "no-exit", "compute-proportional", "uniform")
"""Experts that the checks compare."""
REFERENCES: Final = ("fixed-threshold", "no-exit", "uniform")
"""Experts that the best one should beat: without its thresholds, without early exits, without its routes."""
UTILISATIONS: Final = (0.3, 0.9)
"""Range of the mean utilisation of the nodes under the best expert."""
LEAST_DELAY_AT_RANDOM: Final = 1.5
"""Least ratio of the mean delay at random to that of the best expert."""
LEAST_EXIT_SHARE: Final = 0.05
"""Least share of the requests that should leave at each exit under the best expert."""


def streaming_checks(comparison: Comparison) -> list[Check]:
    """The checks of a streaming scenario; the comparison holds STREAMING_EXPERTS and "random"."""
    best = comparison.best
    utilisation = comparison.mean(best, "utilisation").mean
    low, high = UTILISATIONS
    delay_ratio = ratio(comparison.mean("random", "mean_delay_s").mean, comparison.mean(best, "mean_delay_s").mean)
    exits = [name for name in comparison.metrics if name.startswith("exit_")]
    least = float(np.min([comparison.mean(best, name).mean for name in exits]))
    return [
        Check(
            f"utilisation under the best expert, {best}",
            utilisation,
            f"{low:.0%} to {high:.0%}",
            low <= utilisation <= high,
        ),
        Check(
            "mean delay at random / under the best expert",
            delay_ratio,
            f"at least {LEAST_DELAY_AT_RANDOM:.0%}",
            delay_ratio >= LEAST_DELAY_AT_RANDOM,
        ),
        Check("least share of an exit", least, f"at least {LEAST_EXIT_SHARE:.0%}", least >= LEAST_EXIT_SHARE),
        *(_ahead_of(comparison, reference) for reference in REFERENCES if reference != best),
    ]


def _ahead_of(comparison: Comparison, reference: str) -> Check:
    """Whether the best expert is ahead of a reference on the same seeds.

    The value is the share of seeds it wins, of those that have requests.
    """
    ahead = comparison.difference(comparison.best, reference)
    score = comparison.layout.score
    won = (comparison.samples(comparison.best, score) > comparison.samples(reference, score)).sum()
    wins = ratio(won, len(comparison.seeds) - len(comparison.empty_seeds))
    return Check(
        f"seeds in which the best expert beats {reference}", wins, "interval of the gain above 0", ahead.low > 0
    )
