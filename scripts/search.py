"""Searches for a linear policy: corrections of a plan of DTO-EE on EarlyExit, prices on the other environments.

python -m scripts.search --out runs/search
python -m scripts.search --environment EdgeLLM/MultiNode-v0 --generations 20 --population 32 --rows 8
edge-llm-gym compare --env EdgeLLM/MultiNode-v0 -p ot-gah,runs/search/linear.zip
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    from agents.search import SearchConfig, search

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/search"), help="folder of the run")
    for name, field in SearchConfig.model_fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=field.annotation, default=field.default)
    options = vars(parser.parse_args(arguments))
    folder = options.pop("out")
    config, curve = SearchConfig(**options), []
    with Progress(transient=True) as bar:
        task = bar.add_task("generations", total=config.generations)

        def report(generation: int, mean: float, best: float, held_out: float) -> None:
            curve.append((generation, mean, best, held_out))
            bar.advance(task)

        policy = search(config, report)
    folder.mkdir(parents=True, exist_ok=True)
    policy.save(folder / "linear.zip")
    (folder / "search.json").write_text(config.model_dump_json(indent=1) + "\n", "utf-8")
    with (folder / "progress.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("generation", "mean", "best", "held_out"), *curve])
    print(f"wrote {folder / 'linear.zip'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
