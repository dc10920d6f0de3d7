"""`edge-llm-gym fit FILE`: fits a hardware profile to timings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge_llm_gym.cli.options import shape_in_file
from edge_llm_gym.models.hardware import Hardware, hardware
from edge_llm_gym.models.hardware_profiles import (
    FitErrors,
    HardwareProfile,
    fit_efficiencies,
    fit_profile,
    roofline_errors,
    save_hardware_profile,
)
from edge_llm_gym.models.llm import MODELS
from edge_llm_gym.models.timings import SHAPED, Timing, read_timings
from edge_llm_gym.units import TERA


def fit_timings(
    file: Annotated[Path, typer.Argument(help="CSV file of timings.")],
    out: Annotated[Path | None, typer.Option(help="Write the profile to this YAML file.")] = None,
    source: Annotated[str | None, typer.Option(help="Who timed what with which software. Default: the file.")] = None,
    weight_bits: Annotated[float | None, typer.Option(help="Use only timings with this number of bits.")] = None,
    max_batch: Annotated[int | None, typer.Option(help="Use only prefills and decode steps up to this batch.")] = None,
    kv_bits: Annotated[float, typer.Option(help="Bits per element of the KV cache.")] = 16.0,
    devices: Annotated[int, typer.Option(help="Number of devices that were timed together as one.")] = 1,
    shape: Annotated[
        list[Path] | None, typer.Option(help="YAML file with the shape of a model of your own. Can be repeated.")
    ] = None,
    efficiencies: Annotated[
        str | None, typer.Option(help="Also fit the four efficiencies of this hardware, for cost: roofline.")
    ] = None,
) -> None:
    """Fit a hardware profile, for cost: measured, to timings of a device, and print its errors.

    The file has the columns device, model, weight_bits, kind, batch, prompt_or_context_tokens, seconds, prompts and
    outputs. Kinds are prefill, decode, batch_prefill and batch (a whole padded batch, which is not used in the fit).
    """
    timings = [each for each in read_timings(file) if _is_used(each, weight_bits, max_batch)]
    own = [shape_in_file(path) for path in shape or ()]
    models = {**MODELS, **{each.name: each for each in own}}
    default_source = f"fitted to {file.name}"
    profile = fit_profile(timings, source or default_source, models=models, kv_bits=kv_bits, device_count=devices)
    console = Console()
    console.print(coefficient_table(profile), error_table(profile))
    if efficiencies is not None:
        fitted = fit_efficiencies(timings, hardware(efficiencies), models, kv_bits)
        console.print(efficiency_table(fitted, roofline_errors(fitted, timings, models, kv_bits)))
    if out is not None:
        save_hardware_profile(profile, out)
        console.print(f"written: {out}")


def _is_used(timing: Timing, weight_bits: float | None, max_batch: int | None) -> bool:
    small = max_batch is None or timing.kind not in SHAPED or timing.batch <= max_batch
    return small and weight_bits in (None, timing.weight_bits)


def coefficient_table(profile: HardwareProfile) -> Table:
    """Coefficients of the cost law, one line per model."""
    head = ("model", "bits", "c0 (ms)", "c1 (us)", "c2 (ns/token)", "p0 (ms)", "1 / p1 (TFLOP/s)")
    table = Table(*head, title=f"{profile.device}: coefficients", title_justify="left")
    for row in profile.rows:
        decode, prefill = row.decode, row.prefill
        values = (decode.c0_s * 1e3, decode.c1_s * 1e6, decode.c2_s_per_token * 1e9, prefill.p0_s * 1e3)
        rate = 1 / prefill.p1_s_per_flop / TERA
        table.add_row(row.model, f"{row.weight_bits:g}", *(f"{each:.3g}" for each in (*values, rate)))
    return table


def error_table(profile: HardwareProfile) -> Table:
    """Errors of a profile, one line per model and kind of timing."""
    table = Table(
        *HEAD,
        title="errors of the fit",
        title_justify="left",
        caption="whole batch: decode time of padded batches, held out",
        caption_justify="left",
    )
    for row in profile.rows:
        for kind, errors in zip(KINDS, (row.decode.errors, row.prefill.errors, row.batches), strict=True):
            if errors is not None:
                table.add_row(row.model, f"{row.weight_bits:g}", kind, *error_cells(errors))
    return table


HEAD = ("model", "bits", "kind", "timings", "mean error", "worst error")
KINDS = ("decode", "prefill", "whole batch")


def error_cells(errors: FitErrors) -> tuple[str, str, str]:
    """Number of timings, mean and worst error, as the last columns of a table."""
    return str(errors.timings), f"{100 * errors.mean:.1f} %", f"{100 * errors.worst:.1f} %"


def efficiency_table(device: Hardware, found: Mapping[tuple[str, float, str], FitErrors]) -> Table:
    """Efficiencies of a device and the errors of the roofline with them."""
    title = (
        f"{device.name}: roofline with flops_fraction {device.flops_fraction}, bandwidth_fraction "
        f"{device.bandwidth_fraction}, step_overhead_s {device.step_overhead_s:g}, prefill_overhead_s "
        f"{device.prefill_overhead_s:g}"
    )
    table = Table(*HEAD, title=title, title_justify="left")
    for (model, bits, kind), errors in found.items():
        table.add_row(model, f"{bits:g}", kind, *error_cells(errors))
    return table
