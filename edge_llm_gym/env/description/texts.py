"""Units, divisors and meanings of observation features and metrics."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypedDict

import yaml

from edge_llm_gym.scenario import Scenario

RATIOS: Final = ("quality", "utilisation", "accuracy")
"""Metrics without a unit; the others end in their unit or count requests."""
ENDINGS: Final = {"_per_s": "1/s", "_s": "s", "_j": "J", "_value": "value"}


class FeatureText(TypedDict):
    """What is written about an observation feature."""

    unit: str
    divisor: str
    """What the quantity is divided by: a number, a text, or a key of the scenario."""
    text: str


@cache
def _sections() -> dict[str, dict[str, FeatureText]]:
    text = files("edge_llm_gym.env.description").joinpath("features.yaml").read_text("utf-8")
    loaded: dict[str, dict[str, FeatureText]] = yaml.safe_load(text)
    return loaded


def feature_texts(variant: str, key: str) -> Mapping[str, FeatureText]:
    """Feature -> what is written about it, for a variant of the dynamics and a key of the observation."""
    return _sections()[f"nodes {variant}" if key == "nodes" else key]


def divisor_value(scenario: Scenario, text: str) -> float | None:
    """The value of a divisor that is a key of the scenario, such as "requests.value.1"; None for any other text."""
    value: Any = scenario
    for part in text.split("."):
        value = value[int(part)] if part.isdigit() and isinstance(value, tuple) else getattr(value, part, None)
        if value is None:
            return None
    return float(value)


def metric_unit(metric: str) -> str:
    """The unit of a metric, by its name."""
    if metric in RATIOS:
        return "1"
    return next((unit for ending, unit in ENDINGS.items() if metric.endswith(ending)), "requests")


def plain(text: str) -> str:
    """A text without the backticks of Markdown."""
    return text.replace("`", "")
