"""The table of experts, checked against the registry."""

from _generate import sources
from _generate.tables import code, markdown_table, require_texts, texts


def expert_table(environment: str) -> str:
    """The experts of an environment."""
    names = sources.expert_names(sources.load_scenario(sources.ENVIRONMENTS[environment]))
    known = texts("experts.yaml", "experts")
    rows = [(code(name), _described(name, known)) for name in names]
    return markdown_table(("expert", "what it does"), rows)


def _described(name: str, known: dict[str, str]) -> str:
    batcher, plus, router = name.partition("+")
    if plus:
        require_texts("experts", (batcher, router), known, complete=False)
        return f"Batches by `{batcher}`; forwarding and thresholds by `{router}`."
    require_texts("experts", (name,), known, complete=False)
    return known[name]
