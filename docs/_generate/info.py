"""Tables of what `info` holds: metrics, outcome codes, and the terms of the reward."""

from typing import Final

from _generate import sources
from _generate.tables import code, markdown_table, require_texts, sentence

RATIOS: Final = ("quality", "utilisation", "accuracy")
"""Metrics without a unit; the others end in their unit or count requests."""
ENDINGS: Final = {"_s": "s", "_j": "J", "_value": "value"}


def metric_table(environment: str) -> str:
    """Every key of `info["metrics"]` and `info["totals"]`."""
    known = sources.metric_table(sources.load_scenario(sources.ENVIRONMENTS[environment]))
    exits = [name for name in known if name.startswith("exit_")]
    rows = [
        (code(name), metric.kind, _unit(name), sentence(metric.description))
        for name, metric in known.items()
        if name not in exits
    ]
    if exits:
        left = "Computed requests that left after each block."
        rows.append((f"`{exits[0]}` ... `{exits[-1]}`", known[exits[0]].kind, "requests", left))
    return markdown_table(("metric", "kind", "unit", "meaning"), rows)


def outcome_table() -> str:
    """The outcome codes."""
    known = sources.outcome_descriptions()
    require_texts("outcome codes", sources.OUTCOME_NAMES, known)
    rows = [(number, code(name), sentence(known[name])) for number, name in enumerate(sources.OUTCOME_NAMES)]
    return markdown_table(("code", "outcome", "meaning"), rows)


def reward_table(environment: str) -> str:
    """The terms of the default reward and their weights."""
    scenario = sources.load_scenario(sources.ENVIRONMENTS[environment])
    rows = [(code(term), f"{weight:g}") for term, weight in scenario.reward.items()]
    return markdown_table(("metric", "weight"), rows)


def _unit(metric: str) -> str:
    if metric in RATIOS:
        return "1"
    return next((unit for ending, unit in ENDINGS.items() if metric.endswith(ending)), "requests")
