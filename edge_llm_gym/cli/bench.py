"""`edge-llm-gym bench`: speed of the environments relative to Gymnasium's CartPole-v1 in the same run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge_llm_gym.evaluation import speed
from edge_llm_gym.registration import ENVIRONMENTS


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
    console = Console()
    rows = [speed.measure("CartPole-v1", speed.SINGLE, seconds)]
    for environment in ENVIRONMENTS:
        rows += [speed.measure(environment, num_envs, seconds) for num_envs in speed.VECTOR_ROWS]
    reference = rows[0].steps_per_s
    table = Table(title="environment steps per second, median of 5 [min, max]")
    for title in ("environment", "rows", "steps/s", "ratio to CartPole-v1 single"):
        table.add_column(title, justify="left" if title == "environment" else "right")
    for row in rows:
        spread = f"{row.steps_per_s:,.0f} [{row.slowest:,.0f}, {row.fastest:,.0f}]"
        table.add_row(row.environment, row.label, spread, f"{row.steps_per_s / reference:.2f}")
    console.print(table)
    memory = speed.memory_growth("EdgeLLM/MultiNode-v0", memory_steps)
    console.print(
        f"resident memory of MultiNode with {memory.num_envs} rows: {memory.early_bytes / 1e6:.1f} MB after "
        f"{memory.early_steps:,} environment steps, {memory.late_bytes / 1e6:.1f} MB after {memory.late_steps:,}"
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    results = {"speed": [asdict(row) for row in rows], "memory": asdict(memory)}
    out.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    console.print(f"wrote {out}")
