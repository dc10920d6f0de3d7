"""Compiles the kernels of environments and experts beforehand, by a few steps with each."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import gymnasium

from edge_llm_gym.compiled.events import compile_count
from edge_llm_gym.evaluation.report_layout import own_expert
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.evaluation.workers import in_workers
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario

STEPS: Final = 4
"""Steps with each expert: in the first ones there may be no request to decide about."""
LEFT_OUT: Final = frozenset({"brute-force", "milp", "genetic"})
"""Experts that have no kernels of their own and take long: enumeration, a solver of another package, a search."""


@dataclass(frozen=True)
class Warmed:
    """What was compiled for an environment."""

    environment: str
    compiled: int
    """Functions that were not in the cache."""
    cpu_s: float


def warm_up(
    scenarios: Sequence[tuple[str, Scenario]], *, jobs: int = 1, report: Callable[[Warmed], None] = lambda warmed: None
) -> None:
    """Compiles what environments with these scenarios and their experts need, for this process and for later ones.

    Args:
        scenarios: pairs of a registered environment id and the scenario to be used there.
        jobs: number of processes, each with an environment at a time (more than one needs the extra "parallel").
        report: called when an environment is done.

    Kernels are compiled for the kinds of numbers and arrays of a scenario, not for their sizes: one scenario serves all
    others of its dynamics that predict lengths alike.
    """
    with closing(in_workers(_warm_environment, scenarios, jobs)) as results:
        for warmed in results:
            report(warmed)


def _warm_environment(pair: tuple[str, Scenario]) -> Warmed:
    """Plays a few steps of a single and a vector environment with every expert."""
    environment, scenario = pair
    assert environment in ENVIRONMENTS  # importing the package registered the ids in this process
    begin_s = time.process_time()
    with compile_count() as count:
        env = gymnasium.make(environment, scenario=scenario)
        for name in expert_names(scenario):
            if name not in LEFT_OUT:
                _play(env, name)
        env.close()
        envs = gymnasium.make_vec(environment, 2, "vector_entry_point", scenario=scenario)
        _play(envs, own_expert(scenario))
        envs.close()
    return Warmed(environment, count(), time.process_time() - begin_s)


def _play(env: gymnasium.Env | gymnasium.vector.VectorEnv, expert: str) -> None:
    for _ in steps_of(env, make_expert(expert, env), 0, STEPS):
        pass
