"""The tables of experts, from the catalogue, and of their settings, from the docstring of `make_expert`."""

from _generate import sources
from _generate.tables import code, markdown_table, sentence
from edge_llm_gym.env.description.docstrings import docstring_table


def expert_table(environment: str) -> str:
    """The experts of an environment."""
    known = sources.expert_descriptions(sources.load_scenario(sources.ENVIRONMENTS[environment]))
    return markdown_table(("expert", "what it does"), [(code(name), sentence(text)) for name, text in known.items()])


def settings_table() -> str:
    """The settings of experts."""
    rows = [
        (code(row["setting"]), row["experts"], row["default"], sentence(row["meaning"]))
        for row in docstring_table(sources.make_expert, "setting")
    ]
    return markdown_table(("setting", "experts", "default", "meaning"), rows)
