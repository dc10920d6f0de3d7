"""Tables of an environment's spaces and observation features, from its default scenario."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from _generate import sources
from _generate.tables import code, markdown_table, require_texts, sentence
from edge_llm_gym.env.description.docstrings import docstring_table, text_below_table
from edge_llm_gym.env.description.texts import divisor_value, feature_texts

FEATURES: Final = ("requests", "nodes", "links")
"""Keys of the observation whose columns have a table."""


def space_summary(environment: str) -> str:
    """The head of an environment's page: action and observation keys, default scenario, how to make it."""
    scenario = _scenario(environment)
    interface = sources.interface_of(scenario)
    actions, observations = interface.action_space(scenario), interface.observation_space(scenario)
    rows = [
        ("Action space", f"`Dict` of {_keys(actions)}"),
        ("Observation space", f"`Dict` of {_keys(observations)}"),
        ("Default scenario", f"[`{scenario.name}`](../shipped-scenarios.md#{scenario.name})"),
        ("Dynamics", _dynamics(scenario)),
        ("Import", code(f'gymnasium.make("{environment}")')),
        ("[Flat ids](../codecs.md#flat-ids)", "<br>".join(_flat_forms(environment))),
    ]
    return markdown_table(("", ""), rows)


def _flat_forms(environment: str) -> list[str]:
    """The flat ids with the size of their observation and action."""
    return [
        f"{code(name)}: {observed.shape[0]} numbers, {_flat_action(action)}"
        for name, (observed, action) in sources.flat_spaces(environment).items()
    ]


def _flat_action(space: spaces.Space[Any]) -> str:
    size = space.n if isinstance(space, spaces.Discrete) else (space.shape or ())[0]
    return code(f"{type(space).__name__}({size})")


def _dynamics(scenario: Any) -> str:
    """The dynamics, and how batches are computed if not as a whole."""
    continuous = scenario.batching == "continuous"
    return code(scenario.dynamics) + (f", {code('batching: continuous')}" if continuous else "")


def observation_table(environment: str) -> str:
    """Every key of the observation with its shape, dtype and bounds."""
    scenario = _scenario(environment)
    return _space_table(sources.interface_of(scenario).observation_space, scenario)


def action_table(environment: str) -> str:
    """Every key of the action with its shape, dtype and bounds, and what the function that makes the space adds."""
    scenario = _scenario(environment)
    action_space = sources.interface_of(scenario).action_space
    return f"{_space_table(action_space, scenario)}\n\n{text_below_table(action_space)}"


def feature_table(environment: str, key: str) -> str:
    """The columns of an observation key: unit, divisor, bounds, meaning."""
    scenario = _scenario(environment)
    dynamics = scenario.variant
    names, known = sources.FEATURES[dynamics][key], feature_texts(dynamics, key)
    require_texts(f"features of {key!r} ({dynamics})", names, known)
    box = sources.interface_of(scenario).observation_space(scenario)[key]
    low, high = (_column_bounds(bound, len(names)) for bound in (box.low, box.high))
    rows = [
        (
            column,
            code(name),
            known[name]["unit"],
            _divisor(scenario, known[name]["divisor"]),
            low[column],
            high[column],
            known[name]["text"],
        )
        for column, name in enumerate(names)
    ]
    return markdown_table(("", "feature", "unit", "divided by", "min", "max", "meaning"), rows)


def confidence_columns(environment: str) -> str:
    """The quantiles of `exit_confidence`, as a list in a sentence."""
    return ", ".join(f"{quantile:g}" for quantile in sources.QUANTILES)


def node_table(environment: str) -> str:
    """The nodes of the default scenario and what they offer."""
    scenario = _scenario(environment)
    rows = [
        (
            index + 1,
            code(node.name),
            node.device().name,
            node.quantization_name,
            _blocks(node.blocks),
            f"{costs.rates.usable_flops / 1e12:.1f}",
            f"{costs.rates.usable_bandwidth / 1e9:.0f}",
            f"{sources.kv_capacity_bytes(costs) / 1e9:.2f}",
            f"{costs.quality:.3f}",
        )
        for index, (node, costs) in enumerate(zip(scenario.nodes, sources.node_costs(scenario), strict=True))
    ]
    head = ("", "node", "hardware", "quantisation", "blocks", "TFLOP/s", "GB/s", "KV capacity [GB]", "quality factor")
    return markdown_table(head, rows)


def _blocks(blocks: tuple[int, int] | None) -> str:
    return (
        "all"
        if blocks is None
        else f"{blocks[0] + 1} to {blocks[1] + 1}"
        if blocks[0] < blocks[1]
        else str(blocks[0] + 1)
    )


def _scenario(environment: str) -> Any:
    return sources.load_scenario(sources.ENVIRONMENTS[environment])


def _space_table(make_space: Callable[[Any], spaces.Dict], scenario: Any) -> str:
    """The table of the docstring, in its order, with the shapes, dtypes and bounds of the space."""
    described, space = docstring_table(make_space, "key"), make_space(scenario)
    require_texts(f"keys of {make_space.__module__}", list(space), [row["key"] for row in described])
    rows = [
        (code(key), row["shape"], code(tuple(part.shape)), code(part.dtype), *_bounds(part), _meaning(key, row))
        for row in described
        for key, part in ((row["key"], space[row["key"]]),)
    ]
    return markdown_table(("key", "shape", "default shape", "dtype", "min", "max", "meaning"), rows)


def _meaning(key: str, row: dict[str, str]) -> str:
    link = f" [Features](#{key})." if key in FEATURES else ""
    return sentence(row["meaning"]) + link


def _bounds(space: spaces.Space[Any]) -> tuple[str, str]:
    if isinstance(space, spaces.MultiDiscrete):
        return "0", _range(space.nvec - 1)
    if isinstance(space, spaces.MultiBinary):
        return "0", "1"
    assert isinstance(space, spaces.Box), f"no table entry for {space}"
    return _range(space.low), _range(space.high)


def _range(values: Any) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _column_bounds(bound: Any, columns: int) -> list[str]:
    return [_range(bound[..., column]) for column in range(columns)]


def _keys(space: spaces.Dict) -> str:
    return ", ".join(code(key) for key in space)


def _divisor(scenario: Any, text: str) -> str:
    """The divisor; one that is a key of the scenario comes with its value in the default scenario."""
    value = divisor_value(scenario, text)
    return text if value is None else f"`{text}` ({value:g})"
