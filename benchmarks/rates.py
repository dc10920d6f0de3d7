"""Cost of steps and resets against the arrival rate, of one or two checkouts, with the exponent of its growth.

    python -m benchmarks.rates
    python -m benchmarks.rates --old ../old --rates 100 1000 10000 --environments MultiNode

Every measurement is a new process: one environment at one rate, stepped with random actions from its second reset on.
With `--old`, the checkouts take turns, each with a Numba cache of its own. Times are CPU times of the process. The cost
of a step is the median over the epochs from the seventh on, when the queue has its full length. The exponent is
log(cost ratio) / log(rate ratio) between the last rate and the last one that is at most a third of it. A process stops
stepping after `--limit` seconds.
"""

import argparse
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare_speed import Checkout

ENVIRONMENTS = ("SingleNode", "MultiNode", "Continuous", "EarlyExit", "Joint")
RATES = (3.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)
COLUMNS = {
    "step_ms": "step ms",
    "reset_ms": "reset ms",
    "make_ms": "make ms",
    "snapshot_ms": "snapshot ms",
    "pending": "pending",
    "requests": "requests",
    "request_bytes": "bytes per request",
    "peak_mib": "peak MiB",
}
GROWING = ("step_ms", "reset_ms", "make_ms", "snapshot_ms")
"""Columns of COLUMNS whose growth is stated."""

MEASURE = """
import json, resource, statistics, sys, time
import gymnasium, edge_llm_gym

environment, rate, slots, epochs, limit_s = sys.argv[1], *(float(each) for each in sys.argv[2:6])
started_s = time.perf_counter()
overrides = {"arrivals.rate_per_s": rate, "horizon_epochs": int(epochs)}
overrides |= {"slots": int(slots)} if slots else {}

def timed(call):
    begin_s = time.process_time()
    result = call()
    return result, 1e3 * (time.process_time() - begin_s)

env, make_ms = timed(lambda: gymnasium.make(environment, overrides=overrides).unwrapped)
env.action_space.seed(0)
actions = [env.action_space.sample() for _ in range(8)]
env.reset(seed=0)
env.step(actions[0])  # loads or compiles the kernels
_, reset_ms = timed(lambda: env.reset(seed=1))
first, steps_ms = min(6, int(epochs) // 2), []
for epoch in range(int(epochs)):
    (_, _, _, _, info), step_ms = timed(lambda: env.step(actions[epoch % 8]))
    steps_ms.append(step_ms)
    if time.perf_counter() - started_s > limit_s:
        break
snapshot, snapshot_ms = timed(env.snapshot)
row_bytes = sum(array.nbytes for part in (snapshot.simulator.tape, snapshot.simulator.state) for array in part.values())
metrics = info["metrics"]
print(json.dumps({
    "file": edge_llm_gym.__file__,
    "step_ms": statistics.median(steps_ms[first:] or steps_ms[-1:]),
    "reset_ms": reset_ms,
    "make_ms": make_ms,
    "snapshot_ms": snapshot_ms,
    "pending": metrics.get("pending", metrics.get("in_flight")),
    "requests": int(env.simulator.tape.requests.length[0]),
    "request_bytes": row_bytes / env.simulator.capacity,
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


@dataclass(frozen=True)
class Settings:
    """What all measurements have in common: slots (0: those of the scenario), epochs, and the limit of a process."""

    slots: int
    epochs: int
    limit_s: float


Cost = Mapping[str, float]
"""The columns of COLUMNS."""
Costs = dict[float, Cost]
"""By ascending rate."""


def measure(checkout: Checkout, environment: str, rate: float, settings: Settings) -> Cost:
    """One measurement. Raises RuntimeError if its process fails."""
    numbers = rate, settings.slots, settings.epochs, settings.limit_s
    return checkout.execute(MEASURE, f"EdgeLLM/{environment}-v0", *(str(number) for number in numbers))


def exponent(rates: Sequence[float], costs: Sequence[float]) -> float:
    """Exponent of the growth of costs at ascending rates, between the last rate and the next that is a third or less.

    NaN without two such rates.
    """
    earlier = [index for index, rate in enumerate(rates) if rate <= rates[-1] / 3.0]
    if not earlier:
        return math.nan
    return math.log(costs[-1] / costs[earlier[-1]]) / math.log(rates[-1] / rates[earlier[-1]])


def table(title: str, costs: Costs) -> Iterator[str]:
    """Markdown lines of one environment and checkout."""
    yield f"\n{title}\n"
    yield f"| requests/s | {' | '.join(COLUMNS.values())} |"
    yield "|" + "---:|" * (len(COLUMNS) + 1)
    for rate, cost in costs.items():
        yield f"| {rate:,.0f} | {' | '.join(_number(cost[column]) for column in COLUMNS)} |"
    growth = {column: exponent(list(costs), [cost[column] for cost in costs.values()]) for column in GROWING}
    yield f"| exponent | {' | '.join(f'{growth[each]:.2f}' if each in growth else '' for each in COLUMNS)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _checkouts(options: argparse.Namespace, folder: Path) -> list[Checkout]:
    paths = {"old": options.old, "new": Path(__file__).parents[1]}
    found = [Checkout(name, path.resolve(), folder / name) for name, path in paths.items() if path is not None]
    for checkout in found:
        checkout.cache.mkdir(parents=True, exist_ok=True)
    return found


def costs_by_rate(checkouts: Sequence[Checkout], environment: str, options: argparse.Namespace) -> dict[str, Costs]:
    """Measurements of an environment by name of the checkout; the checkouts take turns."""
    settings = Settings(options.slots, options.epochs, options.limit)
    for checkout in checkouts:
        measure(checkout, environment, 1.0, Settings(0, 2, 0.0))  # fills the cache
    costs: dict[str, Costs] = {checkout.name: {} for checkout in checkouts}
    for rate in options.rates:
        for checkout in checkouts:
            if checkout.name == "new" or rate <= options.old_until:
                costs[checkout.name][rate] = measure(checkout, environment, rate, settings)
    return costs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, help="root of an old checkout that is measured, too")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="requests per second, ascending")
    parser.add_argument("--environments", nargs="+", default=ENVIRONMENTS, help=f"of {', '.join(ENVIRONMENTS)}")
    parser.add_argument("--slots", type=int, default=0, help="slots of the pooled environments (default: their own)")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of an episode (default: 20)")
    parser.add_argument("--old-until", type=float, default=math.inf, help="highest rate of the old checkout")
    parser.add_argument("--caches", type=Path, help="folder of the Numba caches (default: a temporary one)")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds after which steps stop (default: 60)")
    return parser.parse_args()


def main() -> None:
    """Command line."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        checkouts = _checkouts(options, (options.caches or Path(folder)).resolve())
        for environment in options.environments:
            for name, by_rate in costs_by_rate(checkouts, environment, options).items():
                print("\n".join(table(f"{environment}, {name}", by_rate)), flush=True)


if __name__ == "__main__":
    main()
