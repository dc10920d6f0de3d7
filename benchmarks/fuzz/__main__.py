"""Runs a fuzz campaign: python -m benchmarks.fuzz scenarios --count 20000 --seed 0

Exits with 1 if a case is a fault. The report is printed and written below --folder.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks.fuzz.tally import Options, Tally
from edge_llm_gym.files import write_text

CAMPAIGNS: Final[Mapping[str, str]] = {
    "actions": "malformed actions for environments, vector environments, codecs and wrappers",
    "files": "mutated profiles, policies, traces, timings and rows of catalogues",
    "scenarios": "mutated scenarios, constructed and stepped under bounds checks",
    "solvers": "batch and routing problems of extreme scales",
}
"""Campaign -> what it tries. The module `benchmarks.fuzz.<campaign>` has `run(options: Options) -> Tally`.

Modules are imported on use: a campaign sets environment variables before it imports the package.
"""


def main() -> int:
    """Reads the arguments, runs the campaign and reports; returns the exit status."""
    arguments = _arguments()
    folder = arguments.folder / arguments.campaign
    folder.mkdir(parents=True, exist_ok=True)
    begun_s = time.perf_counter()
    options = Options(arguments.count, arguments.seed, arguments.jobs, folder.resolve())
    tally: Tally = import_module(f"benchmarks.fuzz.{arguments.campaign}").run(options)
    text = f"{arguments.campaign}, seed {arguments.seed}: {time.perf_counter() - begun_s:.0f} s\n{tally.text()}\n"
    print(text, end="")
    write_text(folder / "report.txt", text)
    return 1 if tally.faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = "; ".join(f"{name}: {text}" for name, text in CAMPAIGNS.items())
    parser.add_argument("campaign", choices=CAMPAIGNS, help=what)
    parser.add_argument("--count", type=int, default=1000, help="number of cases")
    parser.add_argument("--seed", type=int, default=0, help="seed of the cases")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--folder", type=Path, default=Path("runs/fuzz"), help="where reports and caches are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
