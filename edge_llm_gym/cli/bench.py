"""`edge-llm-gym bench`: speed of the environments relative to Gymnasium's CartPole-v1 in the same run."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edge_llm_gym.evaluation import speed
from edge_llm_gym.files import writable_folder, write_text
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sheets import Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal


def run_bench(
    seconds: Annotated[
        float, typer.Option(help="Minimum duration of each of the five repetitions, which run whole episodes.", min=0.1)
    ] = 1.0,
    memory_steps: Annotated[
        int, typer.Option(help="Environment steps after which memory is read for the second time.", min=20_000)
    ] = 1_000_000,
    out: Annotated[Path, typer.Option("--out", "-o", help="JSON file for the results.")] = Path("runs/bench.json"),
) -> None:
    """Measure environment steps per second, single and vector, and memory growth, in one process."""
    terminal = Terminal()
    writable_folder(out.parent)
    rows = [speed.measure("CartPole-v1", speed.SINGLE, seconds)]
    for environment in ENVIRONMENTS:
        rows += [speed.measure(environment, num_envs, seconds) for num_envs in speed.VECTOR_ROWS]
    terminal.sheet(_speed_table(rows))
    memory = speed.memory_growth("EdgeLLM/MultiNode-v0", memory_steps)
    terminal.line(
        f"resident memory of MultiNode with {memory.num_envs} rows: {memory.early_bytes / 1e6:.1f} MB after "
        f"{memory.early_steps:,} environment steps, {memory.late_bytes / 1e6:.1f} MB after {memory.late_steps:,}"
    )
    results = {"speed": [asdict(row) for row in rows], "memory": asdict(memory)}
    write_text(out, json.dumps(results, indent=1) + "\n")
    terminal.wrote(out)


def _speed_table(measured: Sequence[speed.Speed]) -> Sheet:
    reference = measured[0].steps_per_s
    rows = (
        (
            row.environment,
            row.label,
            f"{row.steps_per_s:,.0f} [{row.slowest:,.0f}, {row.fastest:,.0f}]",
            f"{row.steps_per_s / reference:.2f}",
        )
        for row in measured
    )
    columns = ("environment", "rows", "steps/s", "ratio to CartPole-v1 single")
    return make_sheet("environment steps per second, median of 5 [min, max]", columns, rows)
