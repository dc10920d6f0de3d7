"""Tables of the shipped catalogues: transformers, hardware, quantisation methods and perplexities."""

from collections.abc import Iterator
from typing import Any

from _generate.sources import METHODS, MODELS, derived_numbers, hardware_rows, model_rows, quantization_rows
from _generate.tables import code, markdown_table


def model_table() -> str:
    """The shipped transformers, and what follows from their shapes."""
    head = ("model", "layers", "d_model", "heads", "kv_heads", "head_dim", "d_ff", "gated", "vocabulary", "tied head")
    head += ("parameters [B]", "KV bytes per token", "FP16 [GB]", "source")
    return markdown_table(head, [_model_cells(name) for name in model_rows()])


def _model_cells(name: str) -> tuple[Any, ...]:
    shape, derived = MODELS[name], derived_numbers(name)
    sizes = (shape.layers, shape.d_model, shape.heads, shape.kv_heads, shape.head_dim, shape.d_ff)
    return (
        code(name),
        *sizes,
        _yes(shape.gated),
        shape.vocabulary,
        _yes(shape.tied_head),
        f"{derived['parameters'] / 1e9:.3f}",
        f"{derived['kv_bytes_per_token']:,.0f}",
        f"{derived['fp16_bytes'] / 1e9:.2f}",
        model_rows()[name].source,
    )


def hardware_table() -> str:
    """The shipped devices; assumed numbers are in italics."""
    head = ("hardware", "peak FP16 [TFLOP/s]", "memory [GB]", "bandwidth [GB/s]", "idle [W]", "busy [W]")
    head += ("share of FLOP/s", "share of bandwidth", "step overhead [ms]", "prefill overhead [ms]", "source")
    columns = (
        ("peak_flops", 1e-12),
        ("memory_bytes", 1e-9),
        ("memory_bandwidth_bytes_per_s", 1e-9),
        ("idle_w", 1.0),
        ("busy_w", 1.0),
        ("flops_fraction", 1.0),
        ("bandwidth_fraction", 1.0),
        ("step_overhead_s", 1e3),
        ("prefill_overhead_s", 1e3),
    )
    rows = [
        (code(name), *(_assumed(row, key, f"{getattr(row, key) * scale:.5g}") for key, scale in columns), row.source)
        for name, row in hardware_rows().items()
    ]
    return markdown_table(head, rows)


def method_table() -> str:
    """The quantisation methods; assumed numbers are in italics."""
    head = ("method", "weight bits", "bits of embedding and head", "KV bits", "compute scale", "other models", "source")
    rows = [
        (
            code(name),
            _assumed(row, "weight_bits", f"{row.weight_bits:g}"),
            _assumed(
                row, "table_bits", f"{max(row.weight_bits, 16.0) if row.table_bits is None else row.table_bits:g}"
            ),
            _assumed(row, "kv_bits", f"{row.kv_bits:g}"),
            _assumed(row, "compute_scale", f"{row.compute_scale:g}"),
            _assumed(row, "lossless", "unchanged" if row.lossless else "give a pair"),
            row.source,
        )
        for name, row in quantization_rows().items()
    ]
    return markdown_table(head, rows)


def perplexity_table() -> str:
    """Published perplexities and the quality factors that follow."""
    return markdown_table(("model", "method", "before", "after", "quality factor f"), list(_perplexities()))


def _perplexities() -> Iterator[tuple[Any, ...]]:
    for method in METHODS.values():
        for model, (before, after) in method.perplexity.items():
            yield code(model), code(method.name), f"{before:g}", f"{after:g}", f"{before / after:.3f}"


def _assumed(row: Any, key: str, text: str) -> str:
    return f"*{text}*" if key in row.assumed else text


def _yes(value: bool) -> str:
    return "yes" if value else "no"
