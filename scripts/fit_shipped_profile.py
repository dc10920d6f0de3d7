"""Fits the shipped hardware profile of the H100 to a CSV file of timings, and prints the four efficiencies of its row.

    python scripts/fit_shipped_profile.py h100-static-batches.csv

Timings at 16 bits give all their rows. The row at 4 bits is that of PyTorch's packed int4 kernel at batches of up to
`MAX_INT4_BATCH`. Prefills of this kernel take 18 times as long as those at 16 bits, which serving engines avoid by
unpacking the weights first; the row has the prefill times of 16 bits.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge_llm_gym.command import run_cli
from edge_llm_gym.interrupts import exit_status
from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.models.hardware_profiles import (
    HardwareProfile,
    ProfileRow,
    fit_efficiencies,
    fit_profile,
    save_hardware_profile,
)
from edge_llm_gym.models.timings import Timing, read_timings

NAME = "nvidia-h100-sxm"
SOURCE = (
    "Timed for this project on an NVIDIA H100 80GB HBM3 with PyTorch 2.11: random weights, decode "
    "iterations as CUDA graphs, attention by scaled_dot_product_attention, greedy choice of the last token."
)
INT4_NOTE = (
    "PyTorch's packed int4 kernel with groups of 128, batches up to 4; other kernels differ. Prefill times are those "
    "at 16 bits, since engines unpack the weights for prefills."
)
MAX_INT4_BATCH = 4
FOLDER = Path(__file__).parents[1] / "edge_llm_gym" / "models" / "hardware_profiles" / "shipped"


def shipped_profile(timings: list[Timing]) -> HardwareProfile:
    """The profile of all models at 16 bits, and of one at 4 bits."""
    wide = [each for each in timings if each.weight_bits == 16]
    narrow = [each for each in timings if each.weight_bits == 4 and each.batch <= MAX_INT4_BATCH]
    profile = fit_profile(wide, SOURCE)
    rows = [*profile.rows, *(_with_unpacked_prefill(row, profile) for row in fit_profile(narrow, SOURCE).rows)]
    return profile.model_copy(update={"rows": tuple(rows)})


def _with_unpacked_prefill(row: ProfileRow, wide: HardwareProfile) -> ProfileRow:
    prefill = wide.row(row.model, 16.0, row.kv_bits).prefill
    return row.model_copy(update={"prefill": prefill, "note": INT4_NOTE})


def main(
    file: Annotated[Path, typer.Argument(help="CSV file of timings.")],
    folder: Annotated[Path, typer.Option(help="Folder for the profile.")] = FOLDER,
) -> None:
    """Write the profile, and print the row's efficiencies at 16 bits."""
    timings = read_timings(file)
    save_hardware_profile(shipped_profile(timings), folder / f"{NAME}.yaml")
    print(fit_efficiencies([each for each in timings if each.weight_bits == 16], hardware(NAME)))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: run_cli(lambda: typer.run(main))))
