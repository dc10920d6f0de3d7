"""Experts by name."""

import inspect
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.experts import schedulers
from edge_llm_gym.experts.epoch import EpochReader
from edge_llm_gym.experts.policy import Assign, Expert
from edge_llm_gym.names import known_name, suggestion
from edge_llm_gym.sim.scenario import Scenario

NODE_LIMIT = 1_000_000


def _random(rng: np.random.Generator) -> Assign:
    return schedulers.UniformlyRandom(rng)


def _first_come(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("arrival", node_rule)


def _earliest_deadline(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("deadline", node_rule)


def _shortest_job(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("size", node_rule)


def _static_batch(batch_size: int = 8) -> Assign:
    return schedulers.StaticBatch(batch_size)


def _no_batch(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("arrival", node_rule, limit=1)


def _dftsp(node_limit: int = NODE_LIMIT) -> Assign:
    return schedulers.NodeByNode(node_limit)


def _ot_gah(node_limit: int = NODE_LIMIT, improve: bool = True) -> Assign:
    return schedulers.ResidualProfits(node_limit, improve)


def _milp(time_limit_s: float | None = None) -> Assign:
    return schedulers.Reference("milp", time_limit_s)


def _brute_force() -> Assign:
    return schedulers.Reference("brute-force")


EXPERTS: dict[str, Callable[..., Assign]] = {
    "random": _random,
    "fcfs": _first_come,
    "edf": _earliest_deadline,
    "sjf": _shortest_job,
    "stb": _static_batch,
    "nob": _no_batch,
    "dftsp": _dftsp,
    "ot-gah": _ot_gah,
    "milp": _milp,
    "brute-force": _brute_force,
}
DESCRIPTIONS: dict[str, str] = {
    "random": "every request waits or joins any node with equal probability",
    "fcfs": "first come, first served: feasible insertion in order of arrival",
    "edf": "earliest deadline first: feasible insertion in order of deadline",
    "sjf": "shortest job first: feasible insertion in order of size",
    "stb": "static batch: an idle node takes a fixed number of the oldest requests",
    "nob": "no batching: one request per node and epoch, the oldest that fits",
    "dftsp": "exact tree search, node by node",
    "ot-gah": "residual profits over all nodes with the exact search as oracle: a 1/2-approximation",
    "milp": "exact optimum of the epoch over all nodes by mixed-integer programming (slow; needs scipy)",
    "brute-force": "exact optimum of the epoch by enumeration (few requests only)",
}


def expert_names() -> list[str]:
    """Names that `make_expert` knows."""
    return list(EXPERTS)


def make_expert(
    name: str,
    env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario,
    *,
    seed: int | None = None,
    overrun_s: float | None = None,
    **settings: Any,
) -> Expert:
    """An expert for an environment (single, vector or wrapped) or a scenario.

    `seed` serves stochastic experts; `overrun_s` says how far a batch may run past the time at which the next epoch's
    batches could begin, by default one epoch: without a limit experts fill a node for long with whatever is there now.
    Other settings are the expert's own, such as node_rule for "edf" or batch_size for "stb". Raises ValueError for an
    unknown name and TypeError for a setting that the expert does not have.
    """
    factory = EXPERTS[known_name("expert", name, EXPERTS)]
    known = inspect.signature(factory).parameters
    if "rng" in known:
        settings["rng"] = np.random.default_rng(seed)
    for setting in settings:
        if setting not in known:
            raise TypeError(f"expert {name!r} has no setting {setting!r}; {suggestion(setting, known)}")
    scenario = scenario_of(env)
    reader = EpochReader(scenario, scenario.epoch_s if overrun_s is None else overrun_s)
    return Expert(name, reader, factory(**settings))


def scenario_of(env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario) -> Scenario:
    """The scenario behind an environment, through any wrappers."""
    scenario = env if isinstance(env, Scenario) else getattr(getattr(env, "unwrapped", None), "scenario", None)
    if not isinstance(scenario, Scenario):
        raise TypeError(f"an expert is made from an Edge LLM Gym environment or a Scenario, got {env!r}")
    return scenario
