"""Kills runs and compares what they leave; prints a table and ends with status 1 where something is lost or differs.

python -m benchmarks.kills train imitate search record compare calibrate sweep --kills 50
python -m benchmarks.kills search --kills 3 --seed 1 --folder runs/kills

A run is killed and resumed up to 8 times, half of the time before a random change of a file, then left to finish. The
folder keeps the runs that differ, and the counts as <target>.json.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kills.campaign import Campaign, Result
from benchmarks.kills.targets import TARGETS
from edge_llm_gym.files import write_text

COLUMNS = "target     kills  by time  runs finished  most units lost  allowed  faults  seconds"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", choices=list(TARGETS), help="what is killed")
    parser.add_argument("--kills", type=int, default=50, help="kills of each target")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--folder", type=Path, default=Path("runs/kills"))
    options = parser.parse_args(arguments)
    print(COLUMNS, flush=True)
    results = [run(name, options.folder, options.kills, options.seed) for name in options.targets]
    return int(any(result.faults for result in results))


def run(name: str, folder: Path, kills: int, seed: int) -> Result:
    """Runs one campaign and prints its line of the table."""
    target = TARGETS[name]()
    result = Campaign(target, folder / name, seed).run(kills)
    write_text(folder / f"{name}.json", json.dumps(result.as_dict(), indent=1) + "\n")
    print(
        f"{name:10} {result.kills:5} {result.kills_by_time:8} {result.finished_runs:14} {result.most_units_lost:16} "
        f"{target.interval:8} {len(result.faults):7} {result.seconds:8.0f}",
        *result.faults,
        sep="\n  ",
        flush=True,
    )
    return result


if __name__ == "__main__":
    sys.exit(main())
