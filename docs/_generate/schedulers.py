"""The table of experts, from the catalogue."""

from _generate import sources
from _generate.tables import code, markdown_table, sentence


def expert_table(environment: str) -> str:
    """The experts of an environment."""
    known = sources.expert_descriptions(sources.load_scenario(sources.ENVIRONMENTS[environment]))
    return markdown_table(("expert", "what it does"), [(code(name), sentence(text)) for name, text in known.items()])
