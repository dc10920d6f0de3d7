"""Use a scenario and a request trace of one's own: write both to files, check them, compare schedulers on them."""

import csv
import tempfile
from pathlib import Path

import numpy as np
import yaml

from edge_llm_gym.evaluation import compare
from edge_llm_gym.scenario import load_scenario

SCENARIO = {
    "name": "two-cells",
    "epoch_s": 2.0,
    "uplink_slot_s": 0.2,
    "downlink_slot_s": 0.2,
    "horizon_epochs": 50,
    "slots": 16,
    "model": {
        "name": "own-1b",
        "layers": 16,
        "d_model": 2048,
        "heads": 32,
        "kv_heads": 8,
        "d_ff": 8192,
        "gated": True,
        "vocabulary": 128_256,
    },
    "nodes": [
        {
            "name": name,
            "hardware": "jetson-agx-orin",
            "memory_fraction": 0.05,
            "position_m": [x_m, 100.0],
            "uplink_hz": 5e6,
            "downlink_hz": 5e6,
        }
        for name, x_m in (("west", 100.0), ("east", 300.0))
    ],
    "devices": {"count": 10, "area_m": [400.0, 200.0]},
    "lengths": {"kind": "trace", "max_prompt_tokens": 1024, "max_output_tokens": 256},
    "requests": {"budget_s": [3.0, 8.0]},
}


def write_trace(path: Path, requests: int = 2000) -> None:
    """Writes a CSV trace in the package's own format; replace it with real data."""
    rng = np.random.default_rng(0)
    arrival_s = np.cumsum(rng.exponential(0.5, requests))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arrival_s", "prompt_tokens", "output_tokens"])
        for time_s in arrival_s:
            writer.writerow([f"{time_s:.3f}", rng.integers(16, 800), rng.integers(8, 200)])


def main(seeds: int = 3) -> None:
    """Compares two schedulers on the scenario and the trace."""
    with tempfile.TemporaryDirectory() as folder:
        trace, file = Path(folder, "trace.csv"), Path(folder, "two-cells.yaml")
        write_trace(trace)
        arrivals = {"process": "trace", "file": str(trace), "rate_per_s": 4.0}
        file.write_text(yaml.safe_dump(SCENARIO | {"arrivals": arrivals}))
        print(load_scenario(file).name, "is valid")
        result = compare("EdgeLLM/MultiNode-v0", ["ot-gah", "sjf"], seeds=range(seeds), scenario=str(file))
        for name in result.policies:
            print(f"{name}: {result.mean(name, 'served_share').mean:.1%} of the value served")


if __name__ == "__main__":
    main()
