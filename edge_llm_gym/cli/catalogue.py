"""`edge-llm-gym catalogue`: lists the shipped hardware, models and quantisation methods with their sources."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from edge_llm_gym.cli.completion import complete_environment
from edge_llm_gym.models.catalogue import (
    CatalogueRow,
    HardwareSection,
    QuantizationSection,
    hardware_rows,
    model_rows,
    quantization_rows,
)
from edge_llm_gym.models.catalogue.schema import Kind
from edge_llm_gym.models.cost import kv_bytes_per_token
from edge_llm_gym.models.hardware import hardware
from edge_llm_gym.models.llm import MODELS, TABLE_BITS, weight_bytes
from edge_llm_gym.models.quantization import ANY_MODEL, METHODS
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sheets import Column, Sheet, make_sheet
from edge_llm_gym.sheets.terminal import Terminal

ASSUMED_MARK: Final = "~"
KV_BITS: Final = 16.0
Names = Sequence[str]
"""Names of the rows that a table shows."""
ROWS: Final[Mapping[Kind, Callable[[], Mapping[str, CatalogueRow]]]] = {
    "hardware": hardware_rows,
    "models": model_rows,
    "quantization": quantization_rows,
}


def show_catalogue(
    kind: Annotated[Kind | None, typer.Argument(help="One of the catalogues; all of them by default.")] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--env", "-e", help="Only what this environment uses by default.", autocompletion=complete_environment
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all numbers in SI units as JSON.")] = False,
) -> None:
    """List the hardware, models and quantisation methods that a scenario can name, with their sources.

    Numbers that are assumptions are marked with ~. Rows of your own go into the scenario, or into a file that it names.
    """
    kinds: tuple[Kind, ...] = (kind,) if kind else tuple(ROWS)
    chosen = {one: shown_names(one, environment) for one in kinds}
    if as_json:
        data = {one: catalogue_data(one) for one in kinds}
        print(json.dumps({one: {name: data[one][name] for name in chosen[one]} for one in kinds}, indent=2))
        return
    terminal = Terminal()
    for one in kinds:
        terminal.sheet(TABLES[one](chosen[one]))
        terminal.sheet(_sources(ROWS[one]()[name] for name in chosen[one]))
    terminal.line("~ assumed, without a source")


def shown_names(kind: Kind, environment: str | None) -> list[str]:
    """Names of the rows of a catalogue, all of them or those that the scenario of an environment uses.

    Raises ValueError for an unknown environment.
    """
    if environment is None:
        return list(ROWS[kind]())
    scenario = load_scenario(ENVIRONMENTS[known_name("environment", environment, ENVIRONMENTS)])
    used = {
        "hardware": {hardware(node.hardware).name for node in scenario.nodes},
        "models": {scenario.shape.name},
        "quantization": {node.quantization_name for node in scenario.nodes},
    }
    return [name for name in ROWS[kind]() if name in used[kind]]


def catalogue_data(kind: Kind) -> dict[str, dict[str, Any]]:
    """Rows of a catalogue by name in plain data, those of models with the numbers that follow from them."""
    data = {name: row.model_dump(mode="json", exclude_none=True) for name, row in ROWS[kind]().items()}
    if kind == "models":
        return {name: row | derived_numbers(name) for name, row in data.items()}
    return data


def derived_numbers(model: str) -> dict[str, float]:
    """Parameters, KV bytes per token in FP16 and bytes of the weights in FP16 of a shipped model."""
    shape = MODELS[model]
    return {
        "parameters": shape.parameters,
        "kv_bytes_per_token": kv_bytes_per_token(shape, KV_BITS),
        "fp16_bytes": weight_bytes(shape, TABLE_BITS),
    }


def hardware_table(names: Names) -> Sheet:
    """Devices: peaks, power and efficiencies."""
    heads = ("hardware", "TFLOP/s", "GB", "GB/s", "W\nidle/busy", "share of\nFLOP/s, GB/s", "ms: step/\nprefill")
    rows = hardware_rows()
    return make_sheet("", heads, ((name, *_hardware_cells(rows[name])) for name in names))


def _hardware_cells(row: HardwareSection) -> list[str]:
    columns = (
        (("peak_flops",), 1e-12),
        (("memory_bytes",), 1e-9),
        (("memory_bandwidth_bytes_per_s",), 1e-9),
        (("idle_w", "busy_w"), 1.0),
        (("flops_fraction", "bandwidth_fraction"), 1.0),
        (("step_overhead_s", "prefill_overhead_s"), 1e3),
    )
    return ["/".join(_number(row, key, scale) for key in keys) for keys, scale in columns]


def model_table(names: Names) -> Sheet:
    """Models: shapes, and what follows from them."""
    heads = (
        "model",
        "layers",
        "d_model",
        "heads x\nhead_dim",
        "KV\nheads",
        "parameters\n[B]",
        "KV bytes\nper token",
        "FP16\n[GB]",
    )
    return make_sheet("", heads, ((name, *_model_cells(name)) for name in names))


def _model_cells(name: str) -> list[str]:
    shape, derived = MODELS[name], derived_numbers(name)
    return [
        str(shape.layers),
        str(shape.d_model),
        f"{shape.heads} x {shape.head_dim}",
        str(shape.kv_heads),
        f"{derived['parameters'] / 1e9:.3f}",
        f"{derived['kv_bytes_per_token']:,.0f}",
        f"{derived['fp16_bytes'] / 1e9:.2f}",
    ]


def quantization_table(names: Names) -> Sheet:
    """Methods: bits, compute scale, and the quality factor by model."""
    heads = ("method", "bits of weights,\ntables, KV", "compute\nscale", "quality factor")
    rows = quantization_rows()
    return make_sheet("", heads, ((name, *_quantization_cells(rows[name])) for name in names))


def _quantization_cells(row: QuantizationSection) -> list[str]:
    table_bits = max(row.weight_bits, TABLE_BITS) if row.table_bits is None else row.table_bits
    bits = (
        _number(row, "weight_bits"),
        _marked(row, "table_bits", f"{table_bits:g}"),
        _number(row, "kv_bits"),
    )
    return [", ".join(bits), _number(row, "compute_scale"), _quality(row)]


def _quality(row: QuantizationSection) -> str:
    """Quality factors by model, one a line; "other models" stands for those that are taken as lossless."""
    pairs = METHODS[row.name].perplexity
    lines = [f"{model} {before / after:.3f}" for model, (before, after) in pairs.items() if model != ANY_MODEL]
    if row.lossless:
        lines.append(_marked(row, "lossless", "other models 1" if pairs else "1"))
    return "\n".join(lines)


TABLES: Final[Mapping[Kind, Callable[[Names], Sheet]]] = {
    "hardware": hardware_table,
    "models": model_table,
    "quantization": quantization_table,
}


def _number(row: CatalogueRow, key: str, scale: float = 1.0) -> str:
    return _marked(row, key, f"{getattr(row, key) * scale:.5g}")


def _marked(row: CatalogueRow, key: str, text: str) -> str:
    return ASSUMED_MARK + text if key in row.assumed else text


def _sources(rows: Iterable[CatalogueRow]) -> Sheet:
    columns = ("name", Column("source", "left", folds=True))
    return make_sheet("", columns, ((row.name, row.source) for row in rows))
