"""The scenario file reference: every section, key, type, range and default, from the pydantic schema."""

from collections.abc import Mapping, Sequence
from typing import Final

from _generate import sources
from _generate.tables import code, markdown_table, require_texts, sentence
from edge_llm_gym.scenario.keys import PATHS, Key, scenario_keys, section_title

MORE: Final[Mapping[tuple[str, str], str]] = {
    ("Scenario", "dynamics"): "[Keys of each kind](#dynamics).",
    ("Scenario", "model"): "[Catalogue](catalogue.md#models).",
    ("NodeSection", "hardware"): "[Catalogue](catalogue.md#hardware).",
    ("NodeSection", "quantization"): "[Catalogue](catalogue.md#quantisation).",
    ("ArrivalsConfig", "process"): "[Keys of each process](#arrival-processes).",
    ("ArrivalsConfig", "format"): "[Formats](traces.md#formats).",
    ("ArrivalsConfig", "columns"): "[Column names](traces.md#formats).",
    ("ArrivalsConfig", "window_from"): "[Window](traces.md#window).",
    ("LengthsConfig", "kind"): "[Keys of each kind](#kinds-of-lengths).",
    ("LengthsConfig", "format"): "[Formats](traces.md#formats).",
    ("LengthsConfig", "columns"): "[Column names](traces.md#formats).",
    ("LengthsConfig", "window_from"): "[Window](traces.md#window).",
    ("LengthsConfig", "prediction"): "[Physics](physics.md#predictions).",
    ("ExitsSection", "profile"): "[Format](exit-profiles.md).",
}
"""Class of a section and key -> where to read on."""


def scenario_reference() -> str:
    """All sections, one table each."""
    sections = scenario_keys()
    require_texts("sections of a scenario", list(sections), PATHS)
    return "\n\n".join(_section(name, sections[name]) for name in PATHS)


def key_combinations(kind: str) -> str:
    """Which keys go with which dynamics, arrival process or kind of lengths."""
    tables = {"dynamics": sources.DYNAMICS_KEYS, "arrivals": sources.ARRIVAL_KEYS, "lengths": sources.LENGTH_KEYS}
    rows = [(code(name), _names(keys.needed), _names(keys.optional)) for name, keys in tables[kind].items()]
    return markdown_table((kind, "needs", "may have"), rows)


def shipped_scenarios() -> str:
    """The scenario files of the package, as they are."""
    return "\n\n".join(_shipped(name) for name in sources.scenario_names())


def _shipped(name: str) -> str:
    description, text = sources.load_scenario(name).description, sources.shipped_text(name)
    return f"## `{name}` {{ #{name} }}\n\n{description}\n\n```yaml\n{text}```"


def _section(name: str, keys: Sequence[Key]) -> str:
    rows = [
        (code(key.name), key.type(code, _link), key.limits, key.default(code), key.unit, _meaning(key)) for key in keys
    ]
    head = markdown_table(("key", "type", "range", "default", "unit", "meaning"), rows)
    return f"## {section_title(name)} {{ #{_anchor(name)} }}\n\n{head}"


def _anchor(section: str) -> str:
    return section.removesuffix("Section").removesuffix("Config").lower()


def _link(section: str) -> str:
    return f"[section](#{_anchor(section)})"


def _meaning(key: Key) -> str:
    """The description of a key, the names that it takes, and where to read on."""
    require_texts(f"keys of {key.section}", [key.name], [key.name] if key.meaning else [])
    chosen = f"One of {', '.join(map(code, key.choices))}." if key.choices else ""
    more = MORE.get((key.section, key.name), "")
    return " ".join(part for part in (sentence(key.meaning), chosen, more) if part)


def _names(keys: tuple[str, ...]) -> str:
    return ", ".join(code(key) for key in keys) or "-"
