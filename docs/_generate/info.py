"""Tables of what `info` holds: keys, metrics, outcome codes, and the terms of the reward."""

from _generate import sources
from _generate.tables import code, markdown_table, require_texts, sentence
from edge_llm_gym.env import step_info
from edge_llm_gym.env.description.docstrings import docstring_table
from edge_llm_gym.env.description.texts import metric_unit


def info_table(environment: str) -> str:
    """Every key of `info`, as dotted paths."""
    texts = {row["key"]: row for row in docstring_table(step_info, "key")}
    entries = sources.info_entries(sources.load_scenario(sources.ENVIRONMENTS[environment]))
    rows = [
        (code(one.name), texts[one.name]["shape"], code(one.dtype), one.unit, sentence(texts[one.name]["meaning"]))
        for one in entries
    ]
    return markdown_table(("key", "shape", "type", "unit", "meaning"), rows)


def metric_table(environment: str) -> str:
    """Every key of `info["metrics"]` and `info["totals"]`."""
    known = sources.metric_table(sources.load_scenario(sources.ENVIRONMENTS[environment]))
    exits = [name for name in known if name.startswith("exit_")]
    rows = [
        (code(name), metric.kind, metric_unit(name), sentence(metric.description))
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
