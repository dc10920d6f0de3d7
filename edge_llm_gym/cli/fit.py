"""`edge-llm-gym fit FILE`: fits a hardware profile to timings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

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
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal
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
    terminal = Terminal()
    terminal.sheet(coefficient_table(profile))
    terminal.sheet(error_table(profile))
    if efficiencies is not None:
        fitted = fit_efficiencies(timings, hardware(efficiencies), models, kv_bits)
        terminal.sheet(efficiency_table(fitted, roofline_errors(fitted, timings, models, kv_bits)))
    if out is not None:
        save_hardware_profile(profile, out)
        terminal.wrote(out)


def _is_used(timing: Timing, weight_bits: float | None, max_batch: int | None) -> bool:
    small = max_batch is None or timing.kind not in SHAPED or timing.batch <= max_batch
    return small and weight_bits in (None, timing.weight_bits)


def coefficient_table(profile: HardwareProfile) -> Sheet:
    """Coefficients of the cost law, one line per model."""
    head = ("model", "bits", "c0 (ms)", "c1 (us)", "c2 (ns/token)", "p0 (ms)", "1 / p1 (TFLOP/s)")
    rows = []
    for row in profile.rows:
        decode, prefill = row.decode, row.prefill
        values = (decode.c0_s * 1e3, decode.c1_s * 1e6, decode.c2_s_per_token * 1e9, prefill.p0_s * 1e3)
        rate = 1 / prefill.p1_s_per_flop / TERA
        rows.append((row.model, f"{row.weight_bits:g}", *(f"{each:.3g}" for each in (*values, rate))))
    return make_sheet(f"{profile.device}: coefficients", head, rows)


def error_table(profile: HardwareProfile) -> Sheet:
    """Errors of a profile, one line per model and kind of timing."""
    rows = [
        (row.model, f"{row.weight_bits:g}", kind, *error_cells(errors))
        for row in profile.rows
        for kind, errors in zip(KINDS, (row.decode.errors, row.prefill.errors, row.batches), strict=True)
        if errors is not None
    ]
    note = "whole batch: decode time of padded batches, held out"
    return make_sheet("errors of the fit", HEAD, rows, (note,))


HEAD = ("model", "bits", Column("kind", "left"), "timings", "mean error", "worst error")
KINDS = ("decode", "prefill", "whole batch")


def error_cells(errors: FitErrors) -> tuple[str, str, str]:
    """Number of timings, mean and worst error, as the last columns of a table."""
    return str(errors.timings), f"{100 * errors.mean:.1f} %", f"{100 * errors.worst:.1f} %"


def efficiency_table(device: Hardware, found: Mapping[tuple[str, float, str], FitErrors]) -> Sheet:
    """Efficiencies of a device and the errors of the roofline with them."""
    title = (
        f"{device.name}: roofline with flops_fraction {device.flops_fraction}, bandwidth_fraction "
        f"{device.bandwidth_fraction}, step_overhead_s {device.step_overhead_s:g}, prefill_overhead_s "
        f"{device.prefill_overhead_s:g}"
    )
    rows = ((model, f"{bits:g}", kind, *error_cells(errors)) for (model, bits, kind), errors in found.items())
    return make_sheet(title, HEAD, rows)
