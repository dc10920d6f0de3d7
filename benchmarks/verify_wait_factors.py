"""Compare predicted mean waits with simulated ones at the deeper stages of a streaming network, at several loads.

Run ``python -m benchmarks.verify_wait_factors``: prints a report and writes runs/verify_wait_factors.json. It fails
if a mean wait that is predicted with estimated factors is off by more than 15 %. With ``--effect 30`` it also compares
the reward of the expert "dto-ee" with estimated factors and with factors of 1, on the same 30 episodes.

Thresholds load all stages of the scenario equally, and routing is that of DTO-EE; both are fixed. Arrivals are Poisson.
The prediction for an episode is the mean of the wait factors, estimated from observations alone as a policy would,
times the M/G/1 wait at the rates that the nodes had.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.decoding.wait_factors import Routed
from edge_llm_gym.evaluation import compare
from edge_llm_gym.files import write_text
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import mean_wait_s
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.streaming.observation import StreamingObserver
from edge_llm_gym.solvers import dto_ee
from edge_llm_gym.solvers.routing_reference import least_utilisation, with_stage_thresholds
from edge_llm_gym.solvers.solutions import RoutingSolution

LOADS = (0.5, 0.6, 0.7, 0.8, 0.9)
TOLERANCE = 0.15
WARM_UP = 200
"""Epochs that are left out: the first ones start from an empty network, and the factors from 1."""
ENVIRONMENT = "EdgeLLM/EarlyExit-v0"


@dataclass(frozen=True)
class Case:
    """A network with fixed thresholds and routing at one load."""

    scenario: Scenario
    reader: StreamingReader
    problem: RoutingProblem
    solution: RoutingSolution
    threshold: Array  # [S] of each stage

    @property
    def deep(self) -> Array:
        """Indices of the nodes beyond the first stage."""
        return np.flatnonzero(self.problem.stage > 1)


class Measured(NamedTuple):
    """Means of one episode over the epochs after the warm-up."""

    wait_s: Array  # [K] simulated wait of a request
    visits: Array  # [K] requests
    mg1_s: Array  # [K] wait of an M/G/1 queue with their rate
    factor: Array  # [K] estimated wait factor
    spread: Array  # [K] standard deviation of this factor over the epochs


def make_case(scenario_name: str, load: float, epochs: int) -> Case:
    """The scenario at such a rate that the busiest node has this utilisation at best."""
    steady = {"exits.drift": None, "horizon_epochs": epochs}
    nominal = load_scenario(scenario_name, steady | _poisson(1.0))
    problem, threshold = _fixed(StreamingReader(nominal))
    rate = load / least_utilisation(problem)
    scenario = load_scenario(scenario_name, steady | _poisson(rate))
    problem = replace(problem, arrival_rate=rate * problem.arrival_rate)
    return Case(scenario, StreamingReader(scenario), problem, dto_ee.solve(problem, tolerance=1e-4), threshold)


def _poisson(rate_per_s: float) -> dict[str, Any]:
    return {"arrivals": {"process": "poisson", "rate_per_s": rate_per_s}}


def _fixed(reader: StreamingReader) -> tuple[RoutingProblem, Array]:
    """The routing problem with thresholds [S] that load all stages equally; no exits inside the last stage."""
    devices, entries = reader.constants.device_rate_per_s.size, len(reader.constants.band_hz)
    observation = {"spectral_efficiency": np.full((devices, entries, 2), 0.5, np.float32)}
    free = reader.routing_problem(reader.initial_estimate(), observation, inner_threshold=1.0)
    threshold = _balanced_thresholds(free)
    return with_stage_thresholds(free, threshold), threshold


def _balanced_thresholds(problem: RoutingProblem) -> Array:
    """[S] thresholds at which each stage passes on the share of requests that the next one has the capacity for."""
    assert problem.early_exit is not None
    stages = int(problem.stage.max())
    capacity = [(1 / problem.service_s[problem.stage == stage]).sum() for stage in range(1, stages + 1)]
    rows, threshold = problem.early_exit.confidence, np.zeros(stages)
    for stage in range(stages - 1):
        threshold[stage] = np.quantile(rows[:, stage], min(capacity[stage + 1] / capacity[stage], 1.0))
        rows = rows[rows[:, stage] < threshold[stage]]
    return threshold


def measure(case: Case, seed: int) -> Measured:
    """One episode: simulated waits, and the factors that a policy would estimate from its observations."""
    simulator = Simulator(case.scenario)
    simulator.reset(0, np.random.default_rng(seed))
    factors = np.array(list(_factors(case, simulator)))[WARM_UP:]
    wait_s, visits = _simulated(case, simulator)
    mg1_s = mean_wait_s(case.problem, visits / ((case.scenario.horizon_epochs - WARM_UP) * case.scenario.epoch_s))
    return Measured(wait_s, visits, mg1_s, factors.mean(axis=0), factors.std(axis=0))


def _factors(case: Case, simulator: Simulator) -> Iterator[Array]:
    """[K] estimated factors after each epoch."""
    problem, reader, observer = case.problem, case.reader, StreamingObserver(simulator)
    onward = case.solution.pass_ratio[:, None] * case.solution.offload[problem.device_count :]
    routed = Routed(onward, problem.service_s, problem.service_sq_s2)
    threshold = np.where(problem.is_last, 1.0, case.threshold[problem.stage - 1])
    action = case.solution.offload[None].astype(np.float32), threshold[None].astype(np.float32)
    estimate = reader.initial_estimate()
    while not simulator.ended()[0]:
        simulator.step(*action)
        observation = {key: rows[0] for key, rows in observer.observe().items()}
        estimate = reader.update(estimate, observation, routed)
        yield reader.wait_factor(estimate)


def _simulated(case: Case, simulator: Simulator) -> tuple[Array, Array]:
    """[K] mean wait and number of the requests that arrived after the warm-up, by node."""
    log, tape, network = simulator.state.requests, simulator.tape, case.reader.constants.network
    late = slice(int(simulator.state.first_of_epoch[0, WARM_UP]), int(simulator.state.next_arrival[0]))
    wait_s, visits = np.zeros((2, network.stage.size))
    first_hosted = simulator.parameters.network.first_hosted
    for node in range(network.stage.size):
        visit = log.node[0, late] == node + 1
        first, last = network.first_block[node], network.last_block[node]
        blocks = np.minimum(log.exit_block[0, late] - 1, last) - first + 1
        through_s = np.cumsum(
            tape.service_s[0, late, first_hosted[node] : first_hosted[node] + last - first + 1], axis=1
        )
        service_s = through_s[np.arange(len(blocks)), np.maximum(blocks - 1, 0)][visit.any(axis=1)]
        spent_s = (log.finish_s - log.reach_s)[0, late][visit]
        wait_s[node], visits[node] = (spent_s - service_s).mean(), visit.sum()
    return wait_s, visits


def report_load(scenario_name: str, load: float, epochs: int, seeds: int) -> dict[str, Any]:
    """Simulated and predicted waits at the deep nodes, over the seeds."""
    case = make_case(scenario_name, load, epochs)
    runs = Measured(*(np.array(column)[:, case.deep] for column in zip(*_runs(case, seeds), strict=True)))
    waited, mg1, estimated = (
        (runs.visits * wait_s).sum(axis=0) for wait_s in (runs.wait_s, runs.mg1_s, runs.factor * runs.mg1_s)
    )
    stage = case.problem.stage[case.deep]
    return {
        "rate_per_s": float(case.problem.arrival_rate.sum()),
        "utilisation": case.solution.utilisation[case.deep].tolist(),
        "simulated_s": (waited / runs.visits.sum(axis=0)).tolist(),
        "factor": runs.factor.mean(axis=0).tolist(),
        "factor_spread": runs.spread.mean(axis=0).tolist(),
        "error_mg1": (mg1 / waited - 1).tolist(),
        "error_estimated": (estimated / waited - 1).tolist(),
        "error_mg1_by_stage": _by_stage(mg1, waited, stage),
        "error_estimated_by_stage": _by_stage(estimated, waited, stage),
    }


def _runs(case: Case, seeds: int) -> list[Measured]:
    return [measure(case, seed) for seed in range(seeds)]


def _by_stage(predicted: Array, waited: Array, stage: Array) -> list[float]:
    """Relative error of the mean wait of the requests of each stage."""
    at = [stage == one for one in np.unique(stage)]
    return [float(predicted[one].sum() / waited[one].sum() - 1) for one in at]


def report_effect(episodes: int) -> dict[str, Any]:
    """Mean difference of the reward of "dto-ee": estimated factors less factors of 1, with a 95 % interval."""
    table = compare(ENVIRONMENT, ["dto-ee[wait_factor=1]", "dto-ee"], seeds=range(episodes))
    difference = table.difference("dto-ee", reference="dto-ee[wait_factor=1]")
    return {"episodes": episodes, "mean": difference.mean, "low": difference.low, "high": difference.high}


def main() -> None:
    options = _options()
    report: dict[str, Any] = {"scenario": options.scenario, "epochs": options.epochs, "seeds": options.seeds}
    report["loads"] = {}
    for load in LOADS:
        part = report["loads"][str(load)] = report_load(options.scenario, load, options.epochs, options.seeds)
        _print(load, part)
    if options.effect:
        report["effect"] = report_effect(options.effect)
        print("reward, estimated factors less factors of 1:", json.dumps(report["effect"]))
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "verify_wait_factors.json", json.dumps(report, indent=2) + "\n")
    worst = max(np.abs(part["error_estimated"]).max() for part in report["loads"].values())
    if worst > TOLERANCE:
        raise SystemExit(f"a predicted mean wait is off by {worst:.1%}, more than {TOLERANCE:.0%}")


def _print(load: float, part: dict[str, Any]) -> None:
    def spread(name: str) -> str:
        return f"{min(part[name]):+.1%} to {max(part[name]):+.1%}"

    print(
        f"load {load}: factors {min(part['factor']):.2f} to {max(part['factor']):.2f}; mean wait of a node off by: "
        f"M/G/1 {spread('error_mg1')}, estimated {spread('error_estimated')}; of a stage: "
        f"M/G/1 {spread('error_mg1_by_stage')}, estimated {spread('error_estimated_by_stage')}",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="early-exit", help="a scenario of streaming dynamics")
    parser.add_argument("--epochs", type=int, default=3000, help="length of an episode")
    parser.add_argument("--seeds", type=int, default=6, help="episodes for each load")
    parser.add_argument("--effect", type=int, default=0, metavar="EPISODES", help="also compare rewards on EarlyExit")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
