"""Trains an agent to imitate an expert by DAgger, or exports the expert's episodes as a Minari dataset.

python -m scripts.imitate configs/agents/dagger-multi-node.yaml
python -m scripts.imitate configs/agents/dagger-multi-node.yaml --set imitation.rounds=1 --out runs/cloned
python -m scripts.imitate --resume runs/cloned --set imitation.rounds=4
python -m scripts.imitate configs/agents/dagger-multi-node.yaml --export edge-llm/multi-node-v0 --episodes 20
python -m scripts.imitate configs/agents/dagger-multi-node.yaml --import edge-llm/multi-node-v0

A run that was interrupted resumes after its last finished round and leaves the files of an uninterrupted run.
"""

import argparse
import sys
from collections.abc import Sequence

from edge_llm_gym.interrupts import exit_status


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments), "the same command with --resume FOLDER continues the run")


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import add_run, at_least, run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run(parser, "YAML file with a section `imitation`; recipes are in configs/agents")
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--export", metavar="DATASET", help="only write the expert's episodes as this Minari dataset")
    data.add_argument("--import", metavar="DATASET", dest="dataset", help="start with the labels of a Minari dataset")
    parser.add_argument("--episodes", type=at_least(1), default=10, help="episodes to export")
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.command import chosen_run
    from agents.imitation import command

    config, folder, start = chosen_run(options)
    if options.export is not None:
        print(command.export_episodes(config, options.export, options.episodes))
        return
    report = command.clone(config, folder, dataset=options.dataset, start=start, bar=True)
    for row in report[-1:]:
        print(f"score {row['score']:.4f}; expert {row['expert_score']:.4f}")
    print(f"the run is in {folder}")


if __name__ == "__main__":
    sys.exit(main())
