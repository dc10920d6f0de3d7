"""Transfer of EdgeLLM/MultiNode-v0 policies, without retraining, to other sizes, rates and lengths, and to traces.

python -m benchmarks.transfer runs/dagger-multi-node/model.zip runs/search-multi-node/linear.zip --seeds 20

Every variant is a paired comparison with ot-gah on held-out tapes; the arrival rate grows with the nodes. Request
traces are read from the folder `traces` of EDGE_LLM_GYM_SHARED (../shared by default); missing ones are skipped with a
message. A policy that does not fit a variant is skipped there, and the reason is printed.
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.config import TEST_TAPES
from benchmarks.reports import Row, save
from edge_llm_gym.cli.options import trace_overrides
from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.policies import trained_policy_factory
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.settings import ConfigError
from edge_llm_gym.workload import TraceSource

ENVIRONMENT, EXPERT = "EdgeLLM/MultiNode-v0", "ot-gah"
SLOTS, NODES, LOADS = (16, 64), (2, 8), (0.7, 1.3)
TRACES = {"conv": "AzureLLMInferenceTrace_conv.csv", "code": "AzureLLMInferenceTrace_code.csv"}
SIGMA = 0.5  # of the logarithm of predicted output lengths
SPREAD_M = 100.0  # between copies of a node


def variants() -> Iterator[tuple[str, Scenario]]:
    """Name and scenario of every variant; the unchanged scenario comes first."""
    base = load_scenario("multi-node")
    yield "as trained: N = 32, K = 4", base
    for slots in SLOTS:
        yield f"N = {slots}", load_scenario(base, {"slots": slots})
    for count in NODES:
        yield f"K = {count}", load_scenario(base, with_nodes(base, count))
    for load in LOADS:
        rate_per_s = load * base.arrivals.mean_rate_per_s
        yield f"{rate_per_s:.2g} requests per second", load_scenario(base, {"arrivals.rate_per_s": rate_per_s})
    yield f"predicted lengths, sigma = {SIGMA}", load_scenario(base, {"lengths.prediction.sigma": SIGMA})
    folder = Path(os.environ.get("EDGE_LLM_GYM_SHARED", "../shared")) / "traces"
    for name, file in TRACES.items():
        if (folder / file).exists():
            yield f"Azure {name} trace", load_scenario(base, trace_overrides(base, TraceSource(str(folder / file))))
        else:
            print(f"skipped: the Azure {name} trace, since {folder / file} does not exist")


def with_nodes(base: Scenario, count: int) -> Mapping[str, Any]:
    """Overrides for `count` nodes, copies of the scenario's nodes in turn, at the same arrival rate per node."""
    nodes = [_copy(base, index) for index in range(count)]
    return {"nodes": nodes, "arrivals.rate_per_s": base.arrivals.mean_rate_per_s * count / len(base.nodes)}


def _copy(base: Scenario, index: int) -> dict[str, Any]:
    turn, original = divmod(index, len(base.nodes))
    node = base.nodes[original].model_dump(mode="json", exclude_unset=True)
    x_m, y_m = base.nodes[original].position_m
    moved = {"name": f"{node['name']}-{turn}", "position_m": [x_m + turn * SPREAD_M, y_m]} if turn else {}
    return {**node, **moved}


def measured(name: str, scenario: Scenario, paths: list[str], seeds: int) -> list[Row]:
    """Shares served by the expert and every fitting policy in a variant."""
    fitting = [path for path in paths if _fits(path, scenario, name)]
    result = compare(
        ENVIRONMENT,
        [EXPERT, *((path, trained_policy_factory(path)) for path in fitting)],
        range(TEST_TAPES, TEST_TAPES + seeds),
        scenario=scenario,
    )
    rows = []
    for policy in (EXPERT, *fitting):
        share, gain = result.mean(policy, "served_share"), result.difference(policy, EXPERT)
        rows.append(
            {
                "variant": name,
                "policy": policy,
                "seeds": seeds,
                "served_share": (share.mean, share.low, share.high),
                "served_minus_expert": (gain.mean, gain.low, gain.high),
            }
        )
    return rows


def _fits(path: str, scenario: Scenario, name: str) -> bool:
    try:
        trained_policy_factory(path)(scenario)  # type: ignore[arg-type]  # a scenario stands for its environment
    except ConfigError as error:
        print(f"skipped in {name!r}: {error}")
        return False
    return True


def _table(rows: list[Row], seeds: int) -> Table:
    table = Table("variant", "policy", "value served", f"served value - {EXPERT}", title=f"{seeds} paired seeds")
    for row in rows:
        share, gain = row["served_share"], row["served_minus_expert"]
        cell = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain)
        table.add_row(row["variant"], row["policy"], "{:.1%} [{:.1%}, {:.1%}]".format(*share), cell)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", nargs="+", help="files of trained policies")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"))
    options = parser.parse_args()
    rows = [row for name, scenario in variants() for row in measured(name, scenario, options.policies, options.seeds)]
    Console().print(_table(rows, options.seeds))
    save({"seeds": options.seeds, "rows": rows}, options.out, "transfer")


if __name__ == "__main__":
    main()
