"""The experts by name: batch schedulers, routing planners, their combinations, and one line about each."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.experts.batch_expert import Assign
from edge_llm_gym.experts.batching import (
    ListScheduler,
    NodeByNode,
    Reference,
    ResidualProfits,
    RowByRow,
    StaticBatch,
    UniformlyRandom,
)
from edge_llm_gym.experts.planners import DTO_EE_ROUNDS, Baseline, DtoEe, Planner
from edge_llm_gym.names import known_name
from edge_llm_gym.numeric import flag, real_number, time_limit, whole_number
from edge_llm_gym.solvers.baselines import NODE_RULES
from edge_llm_gym.solvers.dto_ee import MOST_ROUNDS

EXPERT_NODE_LIMIT: Final = 1_000_000
"""Default limit on the search nodes of an exact scheduler per decision."""
STREAMING_THRESHOLD: Final = 0.6
"""Default exit threshold of planners that optimise none: the best of 0.3, 0.4, ..., 0.8 on early-exit."""
BATCHING_ROUTING_THRESHOLD: Final = 0.5
"""The same for batching-and-routing dynamics: the best of 0.4, 0.5, 0.6 and 0.7 on joint."""
GENETIC_REPLAN_EPOCHS: Final = 20
"""Default number of epochs that a plan of "genetic" holds: its search takes about a hundred times as long as DTO-EE."""
STATIC_BATCH_SIZE: Final = 8
RANDOM: Final = "random"


def _random(rng: np.random.Generator) -> Assign:
    return UniformlyRandom(rng)


def _list_scheduler(node_rule: str = "earliest-finish", *, order: str, limit: int | None = None) -> Assign:
    return ListScheduler(order, known_name("node rule", node_rule, NODE_RULES), limit)


def _static_batch(batch_size: int = STATIC_BATCH_SIZE) -> Assign:
    return StaticBatch(whole_number("batch_size", batch_size, least=1))


def _dftsp(node_limit: int = EXPERT_NODE_LIMIT) -> Assign:
    return NodeByNode(whole_number("node_limit", node_limit))


def _ot_gah(node_limit: int = EXPERT_NODE_LIMIT, improve: bool = True) -> Assign:
    return ResidualProfits(whole_number("node_limit", node_limit), flag("improve", improve))


def _milp(time_limit_s: float | None = None) -> Assign:
    return RowByRow(Reference("milp", time_limit("time_limit_s", time_limit_s)))


def _brute_force() -> Assign:
    return RowByRow(Reference("brute-force"))


def _dto_ee(max_rounds: int = DTO_EE_ROUNDS) -> Planner:
    return DtoEe(whole_number("max_rounds", max_rounds, greatest=MOST_ROUNDS))


def _baseline(rng: np.random.Generator, threshold: float = STREAMING_THRESHOLD, *, method: str) -> Planner:
    return Baseline(method, rng, real_number("threshold", threshold, greatest=1.0, unit="a confidence"))


BATCH_SCHEDULERS: Final[Mapping[str, Callable[..., Assign]]] = MappingProxyType(
    {
        RANDOM: _random,
        "fcfs": partial(_list_scheduler, order="arrival"),
        "edf": partial(_list_scheduler, order="deadline"),
        "sjf": partial(_list_scheduler, order="size"),
        "stb": _static_batch,
        "nob": partial(_list_scheduler, order="arrival", limit=1),
        "dftsp": _dftsp,
        "ot-gah": _ot_gah,
        "milp": _milp,
        "brute-force": _brute_force,
    }
)
"""Name -> factory of a scheduler; its positional parameters are the settings of `make_expert`."""
BASELINE_PLANNERS: Final = (
    "uniform",
    "compute-proportional",
    "bandwidth-proportional",
    "selfish",
    "genetic",
    "fixed-threshold",
    "no-exit",
)
ROUTING_PLANNERS: Final[Mapping[str, Callable[..., Planner]]] = MappingProxyType(
    {"dto-ee": _dto_ee, **{name: partial(_baseline, method=name) for name in BASELINE_PLANNERS}}
)
"""Name -> factory of a planner; its positional parameters are the settings of `make_expert`."""
COMPOSITE_SCHEDULERS: Final = ("ot-gah", "dftsp", "sjf", "edf", "fcfs")
COMPOSITE_PLANNERS: Final = ("dto-ee", "fixed-threshold", "no-exit")
DEFAULT_PLANNER: Final = "uniform"
"""Planner of the composite experts that are named after their scheduler alone."""
COMPOSITES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        **{f"{batch}+{plan}": (batch, plan) for plan in COMPOSITE_PLANNERS for batch in COMPOSITE_SCHEDULERS},
        **{batch: (batch, DEFAULT_PLANNER) for batch in COMPOSITE_SCHEDULERS},
    }
)
"""Name -> scheduler and planner of the experts of batching-and-routing dynamics."""
NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "batching": tuple(BATCH_SCHEDULERS),
        "streaming": (RANDOM, *ROUTING_PLANNERS),
        "batching_routing": (RANDOM, *COMPOSITES),
    }
)
"""Dynamics -> names of its experts."""
DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        RANDOM: "uniformly random nodes for the batches, and uniformly random weights and thresholds",
        "fcfs": "first come, first served: greedy feasible insertion in order of arrival",
        "edf": "earliest deadline first: greedy feasible insertion in order of the deadlines",
        "sjf": "shortest job first: greedy feasible insertion in order of the service times",
        "stb": "static batching: an idle node takes a fixed number of the oldest requests",
        "nob": "no batching: one request per node and epoch, the oldest that fits",
        "dftsp": "exact tree search, one node after the other",
        "ot-gah": "residual profits over all nodes with the exact search as oracle: a 1/2-approximation",
        "milp": "exact optimum of the epoch over all nodes, within overrun_s, by a mixed-integer program (slow)",
        "brute-force": "exact optimum of the epoch within overrun_s by enumeration (few requests only)",
        "dto-ee": "distributed routing and exit thresholds by marginal costs, from estimated rates and difficulty mix",
        "uniform": "equal shares over the links, one threshold for all nodes",
        "compute-proportional": "shares in proportion to the service rates of the nodes, one threshold for all nodes",
        "bandwidth-proportional": "shares in proportion to the speed of the links, one threshold for all nodes",
        "selfish": "Wardrop equilibrium, in which each request takes its fastest route; one threshold for all nodes",
        "genetic": "genetic search over shares and thresholds, with rare replanning",
        "fixed-threshold": "the routing of DTO-EE, one threshold for all nodes",
        "no-exit": "the routing of DTO-EE without early exits: requests leave at the last stage only",
        **{
            name: f"batches by {batch}, offload shares and thresholds by {plan}"
            for name, (batch, plan) in COMPOSITES.items()
            if plan != DEFAULT_PLANNER
        },
    }
)
"""Name -> one line about the expert."""
