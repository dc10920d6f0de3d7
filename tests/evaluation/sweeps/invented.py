"""Sweeps with numbers made up by hand."""

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.report_layout import LAYOUTS
from edge_llm_gym.evaluation.sweeps.grid import Grid, make_grid
from edge_llm_gym.evaluation.sweeps.result import Sweep
from edge_llm_gym.scenario import load_scenario

RATES = {"arrivals.rate_per_s": [4.0, 1.0, 2.5]}
RATES_AND_MEMORY = {"arrivals.rate_per_s": [1.0, 2.0], "nodes.0.memory_fraction": [0.5, 0.6, 0.7]}
POLICIES = ("edf", "mine[x=1]", "random")
LAYOUT = LAYOUTS["batching"]
METRICS = {*LAYOUT.titles}


def grid_of(parameters) -> Grid:
    return make_grid(parameters, lambda values: load_scenario("single-node", values))


def value(point: int, policy: int, seed: int) -> float:
    """Share of a policy at a point: 1/16 less for each further policy, but the last one is ahead at point 1."""
    ahead = 0.25 if (policy, point) == (2, 1) else 0.0
    return 0.5 + 0.0625 * point - 0.0625 * policy * (seed + 1) + 0.125 * seed + ahead


def invented(parameters=RATES, seeds=2, policies=POLICIES, number=value) -> Sweep:
    """A sweep whose metrics all have the values of `number`."""
    grid = grid_of(parameters)
    comparisons = tuple(
        Comparison(
            "EdgeLLM/SingleNode-v0",
            tuple(range(seeds)),
            {
                name: tuple(dict.fromkeys(METRICS, number(point, rank, seed)) for seed in range(seeds))
                for rank, name in enumerate(policies)
            },
        )
        for point in range(len(grid.points))
    )
    return Sweep("EdgeLLM/SingleNode-v0", grid, policies, comparisons, ("served_share",), policies[0])
