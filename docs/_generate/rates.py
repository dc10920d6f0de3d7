"""Tables of decode rates: published ones against the roofline, and the shipped hardware profiles."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import yaml

from _generate import sources
from _generate.tables import TEXTS, code, markdown_table

CONTEXT_TOKENS: Final = 128
"""Context at which rates are predicted; the published ones are of short prompts."""


class PublishedRate(NamedTuple):
    """A published decode rate of one sequence beside what the roofline says."""

    device: str
    model: str
    precision: str
    engine: str
    published_per_s: float
    bandwidth_share: float  # share of the bandwidth that the rate amounts to, without any overhead
    predicted_per_s: float | None  # with the efficiencies of the device; None for one without a row
    source: str


def published_rates() -> list[PublishedRate]:
    """The published rates."""
    rows = yaml.safe_load((TEXTS / "published_rates.yaml").read_text("utf-8"))
    return [_published_rate(row) for row in rows]


def _published_rate(row: Mapping[str, Any]) -> PublishedRate:
    model = sources.MODELS[row["model"]]
    part = sources.ModelPart(model, model.layers, True, row["bits"], 16.0, row["head_bits"])
    device = sources.HARDWARE.get(row["device"])
    bandwidth = row["bandwidth"] if device is None else device.memory_bandwidth_bytes_per_s
    bytes_per_token = part.streamed_bytes + CONTEXT_TOKENS * part.kv_bytes_per_token
    predicted = None
    if device is not None:
        law = sources.cost_model("roofline")(sources.NodeRates.of(device), part)
        predicted = 1.0 / law.step_s(1, CONTEXT_TOKENS)
    return PublishedRate(
        device=row["device"],
        model=row["model"],
        precision=row["precision"],
        engine=row["engine"],
        published_per_s=row["tokens_per_s"],
        bandwidth_share=bytes_per_token * row["tokens_per_s"] / bandwidth,
        predicted_per_s=predicted,
        source=row["source"],
    )


def rate_table() -> str:
    """Published decode rates, the bandwidth share that they imply, and predicted rates."""
    head = (
        "device",
        "model",
        "precision",
        "engine",
        "tokens/s",
        "share of bandwidth",
        "predicted",
        "source",
    )
    rows = [
        (
            row.device,
            row.model,
            row.precision,
            row.engine,
            f"{row.published_per_s:g}",
            f"{row.bandwidth_share:.2f}",
            _predicted(row),
            row.source,
        )
        for row in published_rates()
    ]
    return markdown_table(head, rows)


def _predicted(row: PublishedRate) -> str:
    if row.predicted_per_s is None:
        return ""
    return f"{row.predicted_per_s:.1f} ({row.predicted_per_s / row.published_per_s - 1:+.0%})"


def profile_table(name: str) -> str:
    """Coefficients and errors of a shipped hardware profile."""
    head = (
        "model",
        "bits",
        "c0 [ms]",
        "c1 [us]",
        "c2 [ns/token]",
        "errors",
        "p0 [ms]",
        "1/p1 [TFLOP/s]",
        "errors",
        "batches",
    )
    rows = [
        (
            code(row.model),
            f"{row.weight_bits:g}",
            f"{row.decode.c0_s * 1e3:.3g}",
            f"{row.decode.c1_s * 1e6:.3g}",
            f"{row.decode.c2_s_per_token * 1e9:.3g}",
            _errors(row.decode.errors),
            f"{row.prefill.p0_s * 1e3:.3g}",
            f"{1e-12 / row.prefill.p1_s_per_flop:.3g}",
            _errors(row.prefill.errors),
            _errors(row.batches),
        )
        for row in sources.hardware_profile(name).rows
    ]
    return markdown_table(head, rows)


def _errors(errors: Any) -> str:
    return "" if errors is None else f"{errors.mean:.1%}, {errors.worst:.1%}"
