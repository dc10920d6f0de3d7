"""Measure the distance of DTO-EE from the optimum, its rounds and its time on random networks at several loads.

Run ``python -m benchmarks.verify_dto_ee --networks 100 --seed 0``: prints a report, writes runs/verify_dto_ee.json and,
where matplotlib is installed, runs/verify_dto_ee.png.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.files import replacing, write_text
from edge_llm_gym.problems.random_networks import free_thresholds, random_network, with_wait_factors
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers import dto_ee, routing_baselines
from edge_llm_gym.solvers.routing_reference import (
    at_load,
    convex_optimum,
    least_utilisation,
    search_thresholds,
    with_stage_thresholds,
)
from edge_llm_gym.solvers.solutions import RoutingSolution, routing_solution

LOADS = (0.3, 0.5, 0.7, 0.85, 0.95)
ROUNDS = 100
FACTOR_ROUNDS = 30
"""Limit on the rounds with wait factors, as in the experts."""
NEAR = 0.01
Row = dict[str, Any]


def main() -> None:
    options = _options()
    report: dict[str, Any] = {"networks": options.networks, "seed": options.seed, "rounds": ROUNDS}
    started = time.perf_counter()
    dto_ee.solve(random_network(np.random.default_rng(0)))
    report["first_call_s"] = time.perf_counter() - started
    rows = {load: _routing_rows(load, options) for load in LOADS}
    report["routing"] = {str(load): _summary(rows[load]) for load in LOADS}
    report["wait_factors"] = {str(load): _factor_summary(load, options) for load in LOADS}
    report["thresholds"] = _threshold_summary(options)
    report["default_size"] = {str(load): _default_size(load, options) for load in (0.5, 0.9)}
    report["total_s"] = time.perf_counter() - started
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "verify_dto_ee.json", json.dumps(report, indent=2) + "\n")
    _plot(rows, options.out / "verify_dto_ee.png")
    _print(report)


def _print(report: dict[str, Any]) -> None:
    for load, part in report["routing"].items():
        rounds, spent, late = part["rounds_to_one_per_cent"], part["milliseconds"], part["overloaded_start"]
        print(
            f"load {load}: within 1 % in {part['within_one_per_cent']} networks, excess at most "
            f"{part['excess']['greatest']:.2%}; rounds to 1 %: median {rounds['median']:g}, p95 {rounds['p95']:g}, "
            f"at most {rounds['greatest']:g}; median {spent['median']:.2f} ms; "
            f"from overload {late['within_one_per_cent']}, at most {late['rounds']['greatest']:g} rounds"
        )
    for load, part in report["wait_factors"].items():
        print(
            f"load {load}, wait factors of 0 to 2: within 1 % after {FACTOR_ROUNDS} rounds in "
            f"{part['within_one_per_cent']} networks, excess at most {part['excess']['greatest']:.2%}; rounds "
            f"until the stop at most {part['rounds']['greatest']:g}; over the plan that ignores factors: "
            f"median {part['saving']['median']:.2%}, at most {part['saving']['greatest']:.2%}"
        )
    thresholds = report["thresholds"]
    print(
        f"thresholds: within 1 % of the search in {thresholds['within_one_per_cent']} networks, shortfall at most "
        f"{thresholds['shortfall']['greatest']:.2%}"
    )
    for load, part in report["default_size"].items():
        routing, both = part["milliseconds"]["median"], part["milliseconds_with_thresholds"]["median"]
        print(f"default size, load {load}: {routing:.2f} ms, {both:.2f} ms with free thresholds")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=100, help="random networks for each load")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def _rng(options: argparse.Namespace, *key: int) -> np.random.Generator:
    return np.random.default_rng([options.seed, *key])


def _routing_rows(load: float, options: argparse.Namespace) -> list[Row]:
    """The same networks at every load."""
    return [
        _routing_row(at_load(random_network(_rng(options, network)), load), _rng(options, network, 1))
        for network in range(options.networks)
    ]


def _routing_row(problem: RoutingProblem, rng: np.random.Generator) -> Row:
    best = convex_optimum(problem)
    flow, seconds = _timed(lambda: dto_ee.solve(problem, max_rounds=ROUNDS))
    excess = flow.history / best.mean_delay_s - 1
    recovered = dto_ee.solve(problem, _one_link_start(problem), max_rounds=ROUNDS)
    slower = _with_a_slower_node(problem, rng)
    row = {
        "excess": flow.mean_delay_s / best.mean_delay_s - 1,
        "history": excess.tolist(),
        "rounds": flow.rounds,
        "rounds_to_near": _first_near(excess),
        "messages_per_link_and_round": flow.messages / flow.rounds / problem.has_link.sum(),
        "certified": flow.gap_s / flow.mean_delay_s,
        "reference_gap": best.gap_s / best.mean_delay_s,
        "seconds": seconds,
        "recovery_excess": recovered.mean_delay_s / best.mean_delay_s - 1,
        "recovery_rounds": recovered.rounds,
        "baselines": {
            name: routing_baselines.solve(name, problem, rng).mean_delay_s / flow.mean_delay_s - 1
            for name in ("uniform", "compute-proportional", "bandwidth-proportional", "selfish")
        },
    }
    return row | (_disturbance(slower, flow) if least_utilisation(slower) < 0.97 else {})


def _first_near(excess: NDArray[np.float64]) -> int:
    near = np.flatnonzero(excess <= NEAR)
    return int(near[0]) if near.size else ROUNDS + 1


def _one_link_start(problem: RoutingProblem) -> RoutingSolution:
    """Every sender uses its first link only, which overloads most networks."""
    first = problem.has_link & (np.cumsum(problem.has_link, axis=1) == 1)
    return routing_solution(problem, first.astype(np.float64))


def _with_a_slower_node(problem: RoutingProblem, rng: np.random.Generator) -> RoutingProblem:
    factor = np.ones(problem.node_count)
    factor[rng.integers(problem.node_count)] = 1.25
    return replace(
        problem, service_s=problem.service_s * factor, service_sq_s2=problem.service_sq_s2 * np.square(factor)
    )


def _disturbance(problem: RoutingProblem, before: RoutingSolution) -> Row:
    best, after = convex_optimum(problem), dto_ee.solve(problem, before, max_rounds=ROUNDS)
    return {
        "disturbed_excess": after.mean_delay_s / best.mean_delay_s - 1,
        "disturbed_rounds_to_near": _first_near(after.history / best.mean_delay_s - 1),
        "cold_rounds_to_near": _first_near(dto_ee.solve(problem).history / best.mean_delay_s - 1),
    }


def _timed(action: Callable[[], RoutingSolution], repeats: int = 3) -> tuple[RoutingSolution, float]:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - started)
    return result, min(seconds)


def _summary(rows: list[Row]) -> Row:
    within = [row["excess"] <= NEAR and row["rounds_to_near"] <= ROUNDS for row in rows]
    disturbed = [row for row in rows if "disturbed_excess" in row]
    return {
        "within_one_per_cent": f"{sum(within)} of {len(rows)}",
        "excess": _spread(row["excess"] for row in rows),
        "rounds_to_one_per_cent": _spread(row["rounds_to_near"] for row in rows),
        "rounds_until_stop": _spread(row["rounds"] for row in rows),
        "milliseconds": _spread(1e3 * row["seconds"] for row in rows),
        "own_certificate": _spread(row["certified"] for row in rows),
        "reference_gap_max": max(row["reference_gap"] for row in rows),
        "overloaded_start": {
            "within_one_per_cent": f"{sum(row['recovery_excess'] <= NEAR for row in rows)} of {len(rows)}",
            "rounds": _spread(row["recovery_rounds"] for row in rows),
        },
        "slower_node": {
            "networks": len(disturbed),
            "within_one_per_cent": int(sum(row["disturbed_excess"] <= NEAR for row in disturbed)),
            "rounds_to_one_per_cent": _spread(row["disturbed_rounds_to_near"] for row in disturbed),
            "cold_rounds_to_one_per_cent": _spread(row["cold_rounds_to_near"] for row in disturbed),
        },
        "delay_over_dto_ee": {name: _baseline(row["baselines"][name] for row in rows) for name in rows[0]["baselines"]},
        "messages_per_link_and_round": float(np.median([row["messages_per_link_and_round"] for row in rows])),
    }


def _factor_summary(load: float, options: argparse.Namespace) -> Row:
    """The same networks with random wait factors: distance from the optimum, and the delay that factors save."""
    rows = []
    for network in range(options.networks):
        problem = at_load(random_network(_rng(options, network)), load)
        problem = with_wait_factors(problem, _rng(options, network, 4))
        best, found = convex_optimum(problem), dto_ee.solve(problem, max_rounds=FACTOR_ROUNDS)
        ignorant = evaluate(problem, dto_ee.solve(replace(problem, wait_factor=1.0)).offload)
        saving = 1 - found.mean_delay_s / ignorant.mean_delay_s
        rows.append((found.mean_delay_s / best.mean_delay_s - 1, found.rounds, saving))
    excess, rounds, savings = np.array(rows).T
    return {
        "within_one_per_cent": f"{int((excess <= NEAR).sum())} of {len(rows)}",
        "excess": _spread(excess),
        "rounds": _spread(rounds),
        "saving": _spread(savings),
    }


def _spread(values: Iterable[float]) -> Row:
    array = np.array(list(values), dtype=np.float64)
    if array.size == 0:
        return {}
    names = {"least": 0.0, "median": 0.5, "p95": 0.95, "greatest": 1.0}
    return {name: float(np.quantile(array, at)) for name, at in names.items()}


def _baseline(excess: Iterable[float]) -> Row:
    array = np.array(list(excess))
    stable = array[np.isfinite(array)]
    return {"unstable": int((~np.isfinite(array)).sum()), "median": float(np.median(stable)) if stable.size else None}


def _threshold_summary(options: argparse.Namespace) -> Row:
    """Small networks, where a search over thresholds with optimal routing is possible."""
    rows = [_threshold_row(_rng(options, network, 2), network) for network in range(max(options.networks // 2, 1))]
    shortfall = np.array([row["shortfall"] for row in rows])
    return {
        "networks": len(rows),
        "within_one_per_cent": f"{int((shortfall <= NEAR).sum())} of {len(rows)}",
        "shortfall": _spread(shortfall),
        "rounds": _spread(row["rounds"] for row in rows),
    }


def _threshold_row(rng: np.random.Generator, network: int) -> Row:
    """Shortfall from the reference, relative to the sum of the delay and the value of the answers."""
    sizes = ((2, 2), (3, 2), (3, 2, 2))[network % 3]
    weight_s, load = float(np.exp(rng.uniform(np.log(0.2), np.log(5.0)))), rng.uniform(0.3, 0.95)
    problem = free_thresholds(random_network(rng, int(rng.integers(3, 9)), sizes), rng, weight_s)
    busiest = least_utilisation(with_stage_thresholds(problem, np.full(len(sizes), 0.5)))
    problem = replace(problem, arrival_rate=problem.arrival_rate * load / busiest)
    best = search_thresholds(problem, levels=21 if len(sizes) == 2 else 8)
    found = dto_ee.solve(problem, max_rounds=ROUNDS)
    at_stake = best.utility_s + 2 * best.mean_delay_s
    return {"shortfall": (best.utility_s - found.utility_s) / at_stake, "rounds": found.rounds}


def _default_size(load: float, options: argparse.Namespace) -> Row:
    """Decision times with 20 devices and stages of 4, 3 and 2 nodes; exit profiles of 2,000 rows."""
    fixed, free = [], []
    for network in range(10):
        rng = _rng(options, network, 3)
        problem = at_load(random_network(rng, 20, (4, 3, 2)), load)
        fixed.append(_timed(lambda problem=problem: dto_ee.solve(problem))[1])  # type: ignore[misc]
        profiled = free_thresholds(problem, rng, 1.0, rows=2000)
        busiest = least_utilisation(with_stage_thresholds(profiled, np.full(3, 0.8)))
        profiled = replace(profiled, arrival_rate=profiled.arrival_rate * load / busiest)
        free.append(_timed(lambda problem=profiled: dto_ee.solve(problem))[1])  # type: ignore[misc]
    return {
        "milliseconds": _spread(1e3 * np.array(fixed)),
        "milliseconds_with_thresholds": _spread(1e3 * np.array(free)),
    }


def _plot(rows: dict[float, list[Row]], path: Path) -> None:
    """Excess over the optimum by round, one line for each network."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no plot: matplotlib is not installed (extra 'plots')")
        return
    figure = Figure(figsize=(3 * len(rows), 3.2), layout="constrained")
    for axes, (load, of_load) in zip(
        np.atleast_1d(figure.subplots(1, len(rows), sharey=True)), rows.items(), strict=True
    ):
        for row in of_load:
            axes.semilogy(np.maximum(row["history"], 1e-5), color="tab:blue", alpha=0.25, linewidth=0.8)
        axes.axhline(NEAR, color="black", linewidth=0.8, linestyle="--")
        axes.set(title=f"load {load:g}", xlabel="round", ylim=(1e-5, 1e3))
    figure.axes[0].set_ylabel("mean delay over the optimum, relative")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


if __name__ == "__main__":
    main()
