"""Tables of what `info` holds: metrics, outcome codes, and the terms of the reward."""

from _generate import sources
from _generate.tables import code, markdown_table, require_texts, texts


def metric_table(environment: str) -> str:
    """Every key of `info["metrics"]` and `info["totals"]`."""
    scenario = sources.load_scenario(sources.ENVIRONMENTS[environment])
    known = texts("info.yaml", f"metrics {scenario.dynamics}")
    names = [name for name in scenario.metrics if not name.startswith("exit_")]
    require_texts(f"metrics of {environment}", names, known)
    rows = [(code(name), known[name]["unit"], known[name]["text"]) for name in names]
    exits = [name for name in scenario.metrics if name.startswith("exit_")]
    if exits:
        rows.append((f"`{exits[0]}` ... `{exits[-1]}`", "requests", "Requests that left the model after each block."))
    return markdown_table(("metric", "unit", "meaning"), rows)


def outcome_table() -> str:
    """The outcome codes."""
    known = texts("info.yaml", "outcomes")
    require_texts("outcome codes", sources.OUTCOME_NAMES, known)
    rows = [(number, code(name), known[name]) for number, name in enumerate(sources.OUTCOME_NAMES)]
    return markdown_table(("code", "outcome", "meaning"), rows)


def reward_table(environment: str) -> str:
    """The terms of the default reward and their weights."""
    scenario = sources.load_scenario(sources.ENVIRONMENTS[environment])
    rows = [(code(term), f"{weight:g}") for term, weight in scenario.reward.items()]
    return markdown_table(("metric", "weight"), rows)
