"""Cost of steps and solvers against the size of the problem, with exponents of growth.

    python -m benchmarks.scale
    python -m benchmarks.scale steps --short
    python -m benchmarks.scale solvers

`steps`: CPU time of a step of one environment, and of an env-step of native rows, over slots, nodes, devices and the
arrival rate; one of them varies, the others are those of the scenario, except that the arrival rate grows with the
slots, so that they are in use. `solvers`: CPU time of OT-GAH and of DTO-EE. Every time is a median of several episodes
(or solutions) [least, greatest]. The exponent is the slope of the logarithm of the time over that of the size, by least
squares, with the 2.5 and 97.5 percentiles over bootstrap samples of the measurements of each size; "last" is the slope
between the two greatest sizes.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import yaml

import edge_llm_gym
from edge_llm_gym.problems import AssignmentProblem
from edge_llm_gym.problems.random_instances import heterogeneous_nodes
from edge_llm_gym.problems.random_networks import random_network
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.solvers import dto_ee, ot_gah

SHIPPED = Path(edge_llm_gym.__file__).parent / "scenario" / "shipped"
EPOCHS = 20
RATE_PER_SLOT = 2.7 / 32
NODE_AREA_M = 800.0
BOOTSTRAP = 1_000
Overrides = dict[str, Any]
Times = dict[int, list[float]]
"""Milliseconds of each repetition, by size."""


class Sweep(NamedTuple):
    """Sizes of one quantity, and the overrides that set it."""

    sizes: tuple[int, ...]
    overrides: Callable[[int], Overrides]
    environments: tuple[str, ...]


def slots(count: int) -> Overrides:
    """As many slots, and requests in proportion."""
    return {"slots": count, "arrivals.rate_per_s": RATE_PER_SLOT * count}


def nodes(count: int) -> Overrides:
    """The four nodes of MultiNode again and again, at random places."""
    shipped = yaml.safe_load((SHIPPED / "multi-node.yaml").read_text("utf-8"))["nodes"]
    places = np.random.default_rng(0).uniform(0.0, NODE_AREA_M, (count, 2)).round(1).tolist()
    copies = enumerate(zip(islice(cycle(shipped), count), places, strict=True))
    return {"nodes": [node | {"name": f"node-{k}", "position_m": place} for k, (node, place) in copies]}


SWEEPS: dict[str, Sweep] = {
    "slots": Sweep((32, 128, 512, 1_024), slots, ("MultiNode", "Joint")),
    "nodes": Sweep((4, 12, 36, 100), nodes, ("MultiNode",)),
    "devices": Sweep((20, 200, 2_000, 10_000), lambda count: {"devices.count": count}, ("MultiNode", "EarlyExit")),
    "requests/s": Sweep((3, 30, 100, 300), lambda rate: {"arrivals.rate_per_s": float(rate)}, ("MultiNode", "Joint")),
}


def cpu_ms(action: Callable[[], Any]) -> float:
    """CPU milliseconds of this process for an action."""
    begin_s = time.process_time()
    action()
    return 1e3 * (time.process_time() - begin_s)


def single_steps(environment: str, overrides: Overrides, repetitions: int) -> list[float]:
    """Milliseconds per step of one environment: the mean of each episode, without its reset."""
    env = gymnasium.make(f"EdgeLLM/{environment}-v0", overrides=overrides)
    play = partial(_episode, env, lambda seed: env.reset(seed=seed))
    return _repeated(play, env.action_space, repetitions)


def native_steps(environment: str, overrides: Overrides, repetitions: int, rows: int) -> list[float]:
    """Milliseconds per env-step of native rows: the mean of each episode, without its reset."""
    envs = gymnasium.make_vec(
        f"EdgeLLM/{environment}-v0", num_envs=rows, vectorization_mode="vector_entry_point", overrides=overrides
    )
    play = partial(_episode, envs, lambda seed: envs.reset(seed=seed))
    return [passed_ms / rows for passed_ms in _repeated(play, envs.action_space, repetitions)]


def _repeated(play: Callable[[int, list[Any]], float], space: gymnasium.Space[Any], repetitions: int) -> list[float]:
    """Costs of several episodes after one that loads the kernels."""
    space.seed(0)
    actions = [space.sample() for _ in range(4)]
    play(0, actions)
    return [play(seed, actions) for seed in range(1, repetitions + 1)]


def _episode(env: Any, reset: Callable[[int], Any], seed: int, actions: list[Any]) -> float:
    reset(seed)
    return cpu_ms(lambda: [env.step(actions[epoch % len(actions)]) for epoch in range(EPOCHS - 1)]) / (EPOCHS - 1)


def assignment(requests: int, seed: int) -> AssignmentProblem:
    """Requests of the environment family with equal values, on 64 nodes."""
    return heterogeneous_nodes(np.random.default_rng(seed), requests, 64)


def routing(devices: int, seed: int, load: float = 0.7) -> RoutingProblem:
    """A tenth as many nodes as devices, in three stages; 0.7 of all links exist.

    ``load`` is the utilisation of the busiest stage if its requests were shared in proportion to the nodes' capacity.
    """
    count = devices // 10
    first, second = max(4 * count // 9, 1), max(3 * count // 9, 1)
    sizes = (first, second, max(count - first - second, 1))
    problem = random_network(np.random.default_rng(seed), devices, sizes)
    return replace(problem, arrival_rate=problem.arrival_rate * (load / _stage_load(problem)))


def _stage_load(problem: RoutingProblem) -> float:
    """The utilisation of the busiest stage under routing in proportion to capacity, links aside."""
    assert problem.pass_ratio is not None
    flow, most = float(problem.arrival_rate.sum()), 0.0
    for stage in range(1, int(problem.stage.max()) + 1):
        capacity = 1.0 / problem.service_s[problem.stage == stage]
        most = max(most, flow / capacity.sum())
        flow *= float((problem.pass_ratio[problem.stage == stage] * capacity).sum() / capacity.sum())
    return most


class SolverScale(NamedTuple):
    """A solver, problems of a size and a seed, what the solution says, and sizes."""

    problem: Callable[[int, int], Any]
    solve: Callable[[Any], Any]
    report: Callable[[Any], str]
    sizes: tuple[int, ...]


SOLVERS: dict[str, SolverScale] = {
    "ot-gah, 64 nodes, against requests": SolverScale(
        assignment,
        ot_gah.solve,
        lambda found: f"value {found.value:,.0f}, bound {found.upper_bound:,.0f}",
        (125, 250, 500, 1_000, 2_000),
    ),
    "dto-ee, nodes = devices / 10, against devices": SolverScale(
        routing,
        dto_ee.solve,
        lambda found: f"{found.rounds} rounds, gap {found.gap_s / found.mean_delay_s:.2%}",
        (1_000, 3_000, 10_000),
    ),
}


def solver_costs(scale: SolverScale, sizes: Sequence[int], repetitions: int) -> tuple[Times, dict[int, str]]:
    """Times of one solution of ``repetitions`` problems of each size, and what the last solution says."""
    scale.solve(scale.problem(20, 0))  # loads the compiled solver
    times: Times = {}
    notes: dict[int, str] = {}
    for size in sizes:
        times[size] = []
        for seed in range(repetitions):
            problem = scale.problem(size, seed)
            begin_s = time.process_time()
            found = scale.solve(problem)
            times[size].append(1e3 * (time.process_time() - begin_s))
            notes[size] = scale.report(found)
    return times, notes


def exponent(times: Mapping[int, Sequence[float]], rng: np.random.Generator) -> tuple[float, float, float]:
    """Slope of log time over log size by least squares, and its 2.5 and 97.5 bootstrap percentiles."""
    whole = _slope({size: float(np.median(values)) for size, values in times.items()})
    drawn = [
        _slope({size: float(np.median(rng.choice(values, len(values)))) for size, values in times.items()})
        for _ in range(BOOTSTRAP)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return whole, float(low), float(high)


def _slope(cost: Mapping[int, float]) -> float:
    return float(np.polyfit(np.log(list(cost)), np.log(list(cost.values())), 1)[0])


def last_exponent(times: Mapping[int, Sequence[float]]) -> float:
    """The slope between the medians of the two greatest sizes."""
    greatest = sorted(times)[-2:]
    return _slope({size: float(np.median(times[size])) for size in greatest})


def line(label: str, times: Times, rng: np.random.Generator) -> str:
    """One row of a Markdown table: times by size, then the exponents."""
    cells = [f"{np.median(values):.3g} [{min(values):.3g}, {max(values):.3g}]" for values in times.values()]
    slope, low, high = exponent(times, rng)
    return f"| {label} | {' | '.join(cells)} | {slope:.2f} [{low:.2f}, {high:.2f}] | {last_exponent(times):.2f} |"


def header(label: str, sizes: Sequence[int]) -> str:
    """The head of such a table."""
    names = [label, *(f"{size:,}" for size in sizes), "exponent", "last"]
    return f"\n| {' | '.join(names)} |\n|---|" + "---:|" * (len(names) - 1)


def print_steps(options: argparse.Namespace, rng: np.random.Generator) -> None:
    """Milliseconds per env-step by size, for every sweep and environment, single and in native rows."""
    for name, sweep in SWEEPS.items():
        sizes = sweep.sizes[:2] if options.short else sweep.sizes
        print(header(f"CPU ms per env-step against {name}", sizes), flush=True)
        for environment in sweep.environments:
            for label, measure in _kinds(environment, options):
                fixed = {"horizon_epochs": EPOCHS}
                times = {size: measure(fixed | sweep.overrides(size), options.repetitions) for size in sizes}
                print(line(label, times, rng), flush=True)


def _kinds(environment: str, options: argparse.Namespace) -> Iterator[tuple[str, Callable[..., list[float]]]]:
    yield f"{environment}, single", partial(single_steps, environment)
    yield f"{environment}, {options.rows} rows", partial(native_steps, environment, rows=options.rows)


def print_solvers(options: argparse.Namespace, rng: np.random.Generator) -> None:
    """Milliseconds per solution by size, and what the last solution of each size says."""
    for name, scale in SOLVERS.items():
        sizes = scale.sizes[:2] if options.short else scale.sizes
        times, notes = solver_costs(scale, sizes, options.repetitions)
        print(header("CPU ms per solution", sizes))
        print(line(name, times, rng))
        print(f"| last solution | {' | '.join(notes.values())} | | |", flush=True)


PARTS: dict[str, Callable[[argparse.Namespace, np.random.Generator], None]] = {
    "steps": print_steps,
    "solvers": print_solvers,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: both)")
    parser.add_argument("--repetitions", type=int, default=5, help="episodes or problems of each size (default: 5)")
    parser.add_argument("--rows", type=int, default=16, help="native rows (default: 16)")
    parser.add_argument("--short", action="store_true", help="only the two least sizes")
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"a part must be one of {', '.join(PARTS)}, got {unknown[0]}")
    for part in options.parts or PARTS:
        PARTS[part](options, np.random.default_rng(0))


if __name__ == "__main__":
    main()
