"""The scenario file reference: every section, key, type, range and default, from the pydantic schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from _generate import sources
from _generate.tables import code, markdown_table, require_texts, sentence

UNITS = {
    "_s": "s",
    "_hz": "Hz",
    "_m": "m",
    "_db": "dB",
    "_dbm": "dBm",
    "_bps": "bit/s",
    "_per_s": "1/s",
    "_tokens": "tokens",
    "_bytes": "B",
    "_bytes_per_s": "B/s",
    "_flops": "FLOP/s",
    "_w": "W",
    "_per_token": "bit/token",
    "_per_output_token_s": "s/token",
}
"""Ending of a key -> its unit; the longest ending counts."""
FIXED_UNITS = {
    "bits": "bit",
    "hidden_bits": "bit",
    "weight_bits": "bit",
    "table_bits": "bit",
    "kv_bits": "bit",
    "spectral_efficiency_floor": "bit/s/Hz",
}
FIXED_UNITS |= {"spectral_efficiency_cap": "bit/s/Hz"}
SECTION_TITLES = {
    "Scenario": "Top level",
    "ModelSection": "model, as a mapping or in a file",
    "NodeSection": "nodes",
    "HardwareSection": "nodes.*.hardware, as a mapping or in a file",
    "QuantizationSection": "nodes.*.quantization, as a mapping or in a file",
    "SlowdownSection": "nodes.*.slowdown",
    "LinkSection": "links",
    "DevicesSection": "devices",
    "ChannelSection": "channel",
    "ArrivalsConfig": "arrivals",
    "LengthsConfig": "lengths",
    "PredictionConfig": "lengths.prediction",
    "RequestsSection": "requests",
    "PayloadSection": "requests.uplink_payload, requests.downlink_payload",
    "ExitsSection": "exits",
    "DriftSection": "exits.drift",
}
"""Class of a section -> where it stands in a file, in the order of the reference."""

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
    schema = sources.Scenario.model_json_schema()
    sections = {"Scenario": schema, **schema["$defs"]}
    require_texts("sections of a scenario", list(sections), SECTION_TITLES)
    return "\n\n".join(_section(title, sections[name], name) for name, title in SECTION_TITLES.items())


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


def _section(title: str, schema: dict[str, Any], name: str) -> str:
    fields, required = schema["properties"], schema.get("required", [])
    rows = [
        (
            code(key),
            _type(field),
            _limits(field),
            _default(field, key in required),
            _unit(key, field),
            _meaning(name, key, field),
        )
        for key, field in fields.items()
    ]
    anchor = name.removesuffix("Section").removesuffix("Config").lower()
    head = markdown_table(("key", "type", "range", "default", "unit", "meaning"), rows)
    return f"## {title} {{ #{anchor} }}\n\n{head}"


def _meaning(section: str, key: str, field: dict[str, Any]) -> str:
    """The description of a key, which the schema takes from the docstring of its field."""
    require_texts(f"keys of {section}", [key], [key] if field.get("description") else [])
    names = sources.CHOICES.get((section, key), ())
    chosen = f"One of {', '.join(code(name) for name in names)}." if names else ""
    return " ".join(part for part in (sentence(field["description"]), chosen, MORE.get((section, key), "")) if part)


def _names(keys: tuple[str, ...]) -> str:
    return ", ".join(code(key) for key in keys) or "-"


def _unit(key: str, field: dict[str, Any]) -> str:
    """The unit of the quantity, or that which the ending of the key says where the field is no quantity."""
    if units := [part["unit"] for part in _parts(field) if "unit" in part]:
        return str(units[0])
    endings = sorted((ending for ending in UNITS if key.endswith(ending)), key=len)
    return FIXED_UNITS.get(key) or (UNITS[endings[-1]] if endings else "")


def _alternatives(field: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parts = field.get("anyOf") or field.get("oneOf")
    if parts is None:
        yield from [field] if field.get("type") != "null" else []
    for part in parts or ():
        yield from _alternatives(part)


def _type(field: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_plain_type(one) for one in _alternatives(field)))


def _plain_type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(code(value) for value in field["enum"])
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[section](#{name.removesuffix('Section').removesuffix('Config').lower()})"
    if "prefixItems" in field:
        return f"[{', '.join(_plain_type(item) for item in field['prefixItems'])}]"
    if field.get("type") == "array":
        return f"list of {_plain_type(field['items'])}"
    if field.get("type") == "object":
        return "mapping"
    return str(field["type"])


LIMITS = {
    "exclusiveMinimum": "> {}",
    "minimum": ">= {}",
    "exclusiveMaximum": "< {}",
    "maximum": "<= {}",
    "minItems": "",
    "minLength": "",
}

REPLACED_BY = {"minimum": "least_above_zero", "maximum": "exclusiveMaximum"}
"""Limit -> a key that says more; the limit is left out where the key is given."""


def _limits(field: dict[str, Any]) -> str:
    found = [text for part in _parts(field) for text in _limits_of(part)]
    return ", ".join(dict.fromkeys(found))


def _limits_of(part: dict[str, Any]) -> Iterator[str]:
    if "least_above_zero" in part:
        yield f"0 or >= {part['least_above_zero']:g}"
    for limit, form in LIMITS.items():
        if form and limit in part and REPLACED_BY.get(limit) not in part:
            yield form.format(f"{part[limit]:g}")


def _parts(field: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The alternatives of a field, and the items of those that are lists, ranges or mappings."""
    for one in _alternatives(field):
        items = (*one.get("prefixItems", [])[:1], one.get("items", {}), one.get("additionalProperties", {}))
        yield from (part for part in (one, *items) if isinstance(part, dict))


def _default(field: dict[str, Any], required: bool) -> str:
    if required:
        return "required"
    if "default" not in field:
        return "see right"
    value = field["default"]
    if value is None or value in ("", [], {}) or isinstance(value, dict):
        return "none" if not isinstance(value, dict) else "defaults of the section"
    return code(value if isinstance(value, str) else json.dumps(value))
