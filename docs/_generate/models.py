"""Tables of the shipped transformers, hardware, quantisation methods and perplexities."""

from _generate.sources import HARDWARE, METHODS, MODELS, PERPLEXITY
from _generate.tables import code, markdown_table


def model_table() -> str:
    """The shipped transformers."""
    head = ("model", "layers", "d_model", "heads", "kv_heads", "d_ff", "gated", "vocabulary", "tied head", "parameters")
    rows = [
        (
            code(name),
            shape.layers,
            shape.d_model,
            shape.heads,
            shape.kv_heads,
            shape.d_ff,
            _yes(shape.gated),
            shape.vocabulary,
            _yes(shape.tied_head),
            f"{shape.parameters / 1e9:.2f} G",
        )
        for name, shape in MODELS.items()
    ]
    return markdown_table(head, rows)


def hardware_table() -> str:
    """The shipped devices."""
    rows = [
        (
            code(name),
            f"{row.peak_flops / 1e12:g}",
            f"{row.memory_bytes / 1e9:g}",
            f"{row.memory_bandwidth_bytes_per_s / 1e9:g}",
        )
        for name, row in HARDWARE.items()
    ]
    return markdown_table(("hardware", "peak FP16 [TFLOP/s]", "memory [GB]", "memory bandwidth [GB/s]"), rows)


def method_table() -> str:
    """The quantisation methods."""
    rows = [
        (code(name), row.weight_bits, row.kv_bits, row.compute_scale, "unchanged" if row.lossless else "from the table")
        for name, row in METHODS.items()
    ]
    return markdown_table(("method", "weight bits", "KV bits", "compute scale", "perplexity"), rows)


def perplexity_table() -> str:
    """Published perplexities and the quality factors that follow."""
    rows = [
        (code(model), code(method), value, f"{PERPLEXITY[model, 'fp16'] / value:.3f}")
        for (model, method), value in PERPLEXITY.items()
    ]
    return markdown_table(("model", "method", "perplexity", "quality factor f"), rows)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
