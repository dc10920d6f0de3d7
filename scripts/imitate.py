"""Clones an expert by DAgger, or only exports its episodes as a Minari dataset.

python scripts/imitate.py configs/agents/dagger-multi-node.yaml
python scripts/imitate.py configs/agents/dagger-multi-node.yaml --set imitation.rounds=1 --out runs/cloned
python scripts/imitate.py configs/agents/dagger-multi-node.yaml --export edge-llm/multi-node-v0 --episodes 20
python scripts/imitate.py configs/agents/dagger-multi-node.yaml --import edge-llm/multi-node-v0
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.command import add_settings, configuration, run_folder, told


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="YAML file with a section `imitation`; recipes lie in configs/agents")
    parser.add_argument("--out", type=Path, help="folder of the run; runs/<name of the configuration> by default")
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--export", metavar="DATASET", help="write the expert's episodes as this Minari dataset, no more")
    data.add_argument("--import", metavar="DATASET", dest="dataset", help="begin with the labels of a Minari dataset")
    parser.add_argument("--episodes", type=int, default=10, help="episodes to export")
    add_settings(parser)
    return told(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.imitation import command

    config = configuration(options.config, options.set)
    if options.export is not None:
        print(command.export_episodes(config, options.export, options.episodes))
        return
    folder = options.out or run_folder(options.config)
    for row in command.clone(config, folder, dataset=options.dataset, bar=True):
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
    print(f"the run lies in {folder}")


if __name__ == "__main__":
    sys.exit(main())
