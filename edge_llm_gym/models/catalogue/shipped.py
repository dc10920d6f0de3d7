"""Reads the shipped catalogues, each once and on first use, and validates every row."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, TypeVar

import yaml

from edge_llm_gym.models.catalogue.schema import (
    CatalogueRow,
    HardwareSection,
    Kind,
    QuantizationSection,
    ShippedModel,
)

Row = TypeVar("Row", bound=CatalogueRow)
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C is ten times as fast, where PyYAML has it; neither constructs Python objects."""


@cache
def hardware_rows() -> Mapping[str, HardwareSection]:
    """Rows of `hardware.yaml` by name; values that a row takes from its class are marked as assumed."""
    data = _read("hardware")
    return _rows(HardwareSection, {name: _with_class(row, data["classes"]) for name, row in data["rows"].items()})


@cache
def model_rows() -> Mapping[str, ShippedModel]:
    """Rows of `models.yaml` by name."""
    return _rows(ShippedModel, _read("models")["rows"])


@cache
def quantization_rows() -> Mapping[str, QuantizationSection]:
    """Rows of `quantization.yaml` by name."""
    return _rows(QuantizationSection, _read("quantization")["rows"])


def _read(kind: Kind) -> dict[str, Any]:
    text = (resources.files("edge_llm_gym.models.catalogue") / f"{kind}.yaml").read_text("utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=LOADER)  # a safe loader
    return data


def _rows(section: type[Row], data: Mapping[str, Any]) -> Mapping[str, Row]:
    return {name: section.model_validate({"name": name, **row}) for name, row in data.items()}


def _with_class(row: Mapping[str, Any], classes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The row without its key `class`, completed by the values of that class."""
    own = {key: value for key, value in row.items() if key != "class"}
    defaults = classes[row["class"]] if "class" in row else {}
    taken = [key for key in defaults if key not in own]
    return {**defaults, **own, "assumed": [*own.get("assumed", ()), *taken]}
