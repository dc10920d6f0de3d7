"""Plots an exit profile and prints the tables of docs/results/exit-profile.md.

python scripts/plot_exit_profile.py code-lines --out docs/images
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from exit_profile.calibration import Tradeoff, common_threshold, own_thresholds, relative_accuracy, reliability
from exit_profile.pictures import FIGURES, MARKED_THRESHOLDS

from edge_llm_gym.command import run_cli
from edge_llm_gym.files import replacing, writable_folder
from edge_llm_gym.interrupts import exit_status
from edge_llm_gym.models.exits import ExitProfile, exit_profile

DOTS_PER_INCH = 110
RELATIVE_THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", nargs="?", default="code-lines", help="name or path (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    options = parser.parse_args(arguments)
    return run_cli(lambda: _plot(options))


def _plot(options: argparse.Namespace) -> None:
    """Writes the figures and prints the tables."""
    profile, folder = exit_profile(options.profile), writable_folder(options.out)
    for name, draw in FIGURES.items():
        picture = folder / f"{name}-{Path(options.profile).stem}.png"
        with replacing(picture) as temporary:
            draw(profile).savefig(temporary, dpi=DOTS_PER_INCH)
    print("\n".join([*exit_table(profile), "", *relative_table(profile), "", *threshold_table(profile)]))
    print(f"\n{profile.rows} rows: {profile.source}")


def exit_table(profile: ExitProfile) -> list[str]:
    """Lines of a Markdown table with one row for each exit."""
    lines = ["| exit | accuracy | mean confidence | ECE |", "|---|---|---|---|"]
    mean = profile.confidence.mean(axis=0, dtype=np.float64)
    for index in range(profile.exits):
        ece = reliability(profile, index).ece
        lines.append(f"| {index + 1} | {profile.accuracy[index]:.3f} | {mean[index]:.3f} | {ece:.3f} |")
    return lines


def relative_table(profile: ExitProfile) -> list[str]:
    """Lines of a Markdown table: accuracy relative to the last exit, and share of rows, by exit and threshold."""
    early = range(profile.exits - 1)
    header = " | ".join(f"exit {index + 1}" for index in early)
    lines = [f"| threshold | {header} |", "|---" * profile.exits + "|"]
    for threshold in RELATIVE_THRESHOLDS:
        cells = (relative_accuracy(profile, index, threshold) for index in early)
        lines.append(f"| {threshold:g} | {' | '.join(f'{right:.3f} ({share:.0%})' for share, right in cells)} |")
    return lines


def threshold_table(profile: ExitProfile) -> list[str]:
    """Lines of a Markdown table: common thresholds, and thresholds per exit that save at least as much."""
    lines = ["| common threshold | layers saved | accuracy | with thresholds per exit |", "|---|---|---|---|"]
    marked, best = common_threshold(profile, np.array(MARKED_THRESHOLDS)), own_thresholds(profile)
    for threshold, saved, accuracy in zip(MARKED_THRESHOLDS, marked.saved, marked.accuracy, strict=True):
        lines.append(f"| {threshold:g} | {saved:.1%} | {accuracy:.3f} | {best_saving(best, saved):.3f} |")
    return lines


def best_saving(best: Tradeoff, saved: float) -> float:
    """The best accuracy among the points that save at least this share of layers; 0 if there is none."""
    return float(best.accuracy[best.saved >= saved].max(initial=0.0))


if __name__ == "__main__":
    sys.exit(main())
