"""Trains an agent to imitate an expert by DAgger, or exports the expert's episodes as a Minari dataset.

python -m scripts.imitate configs/agents/dagger-multi-node.yaml
python -m scripts.imitate configs/agents/dagger-multi-node.yaml --set imitation.rounds=1 --out runs/cloned
python -m scripts.imitate configs/agents/dagger-multi-node.yaml --export edge-llm/multi-node-v0 --episodes 20
python -m scripts.imitate configs/agents/dagger-multi-node.yaml --import edge-llm/multi-node-v0
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.command import add_settings, configuration, run_cli, run_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="YAML file with a section `imitation`; recipes are in configs/agents")
    parser.add_argument("--out", type=Path, help="folder of the run; runs/<name of the configuration> by default")
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--export", metavar="DATASET", help="only write the expert's episodes as this Minari dataset")
    data.add_argument("--import", metavar="DATASET", dest="dataset", help="start with the labels of a Minari dataset")
    parser.add_argument("--episodes", type=int, default=10, help="episodes to export")
    add_settings(parser)
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.imitation import command

    config = configuration(options.config, options.set)
    if options.export is not None:
        print(command.export_episodes(config, options.export, options.episodes))
        return
    folder = options.out or run_folder(options.config)
    for row in command.clone(config, folder, dataset=options.dataset, bar=True):
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
    print(f"the run is in {folder}")


if __name__ == "__main__":
    sys.exit(main())
