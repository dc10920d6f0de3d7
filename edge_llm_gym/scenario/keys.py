"""The keys of a scenario file as data: paths, types, ranges, defaults, units and meanings, from the pydantic schema."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.models.channel import PATH_LOSS
from edge_llm_gym.models.cost_models import COST_MODELS
from edge_llm_gym.models.exits import PROFILES
from edge_llm_gym.models.hardware_profiles import PROFILES as HARDWARE_PROFILES
from edge_llm_gym.names import known_name
from edge_llm_gym.scenario.scenario import Scenario

Schema = Mapping[str, Any]
PATHS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Scenario": ("",),
        "ModelSection": ("model",),
        "NodeSection": ("nodes.*",),
        "HardwareSection": ("nodes.*.hardware",),
        "QuantizationSection": ("nodes.*.quantization",),
        "SlowdownSection": ("nodes.*.slowdown",),
        "LinkSection": ("links.*",),
        "DevicesSection": ("devices",),
        "ChannelSection": ("channel",),
        "ArrivalsConfig": ("arrivals",),
        "LengthsConfig": ("lengths",),
        "PredictionConfig": ("lengths.prediction",),
        "RequestsSection": ("requests",),
        "PayloadSection": ("requests.uplink_payload", "requests.downlink_payload"),
        "ExitsSection": ("exits",),
        "DriftSection": ("exits.drift",),
    }
)
"""Class of a section -> paths at which it stands, in the order of the reference; * is the index in a list."""
IN_FILES: Final = frozenset({"ModelSection", "HardwareSection", "QuantizationSection"})
"""Sections that may also stand in a file of their own, which the key then names."""
CHOICES: Final[Mapping[tuple[str, str], Collection[str]]] = MappingProxyType(
    {
        ("Scenario", "cost"): COST_MODELS,
        ("ChannelSection", "path_loss"): PATH_LOSS,
        ("ExitsSection", "profile"): PROFILES,
        ("NodeSection", "hardware_profile"): HARDWARE_PROFILES,
    }
)
"""Class of a section and key -> the shipped names that it takes."""
UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
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
)
"""Ending of a key -> its unit; the longest ending counts."""
FIXED_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("bits", "hidden_bits", "weight_bits", "table_bits", "kv_bits"), "bit"),
        **dict.fromkeys(("spectral_efficiency_floor", "spectral_efficiency_cap"), "bit/s/Hz"),
    }
)
LIMITS: Final = {"exclusiveMinimum": "> {}", "minimum": ">= {}", "exclusiveMaximum": "< {}", "maximum": "<= {}"}
REPLACED_BY: Final = {"minimum": "least_above_zero", "maximum": "exclusiveMaximum"}
"""Limit -> a key that says more; the limit is left out where the key is given."""
Mark = Callable[[str], str]
"""How a value or the class of a section is written in a text."""


@dataclass(frozen=True)
class Key:
    """A key of a section."""

    section: str
    """Class of the section."""
    name: str
    schema: Schema
    required: bool

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths of the key, as `overrides` and --set take them, with * for the index in a list."""
        return tuple(f"{path}.{self.name}".lstrip(".") for path in PATHS[self.section])

    @property
    def unit(self) -> str:
        """The unit of the quantity, or that which the ending of the name says where the field is no quantity."""
        if units := [part["unit"] for part in _parts(self.schema) if "unit" in part]:
            return str(units[0])
        endings = sorted((ending for ending in UNITS if self.name.endswith(ending)), key=len)
        return FIXED_UNITS.get(self.name) or (UNITS[endings[-1]] if endings else "")

    @property
    def limits(self) -> str:
        """The range of the number, or of those in a list or a mapping."""
        return ", ".join(dict.fromkeys(text for part in _parts(self.schema) for text in _limits_of(part)))

    @property
    def meaning(self) -> str:
        """The description, which the schema takes from the docstring of the field."""
        return " ".join(self.schema.get("description", "").split())

    @property
    def choices(self) -> tuple[str, ...]:
        """The shipped names that the key takes; none where it takes no such names."""
        return tuple(CHOICES.get((self.section, self.name), ()))

    def type(self, value: Mark = str, section: Mark = lambda name: "section") -> str:
        """The type in words."""
        return " or ".join(dict.fromkeys(_type(one, value, section) for one in _alternatives(self.schema)))

    def default(self, value: Mark = str) -> str:
        """The default, "required" without one."""
        if self.required:
            return "required"
        if "default" not in self.schema:
            return "see right"
        found = self.schema["default"]
        if isinstance(found, dict):
            return "defaults of the section"
        if found is None or found in ("", []):
            return "none"
        return value(found if isinstance(found, str) else json.dumps(found))


@cache
def scenario_keys() -> Mapping[str, tuple[Key, ...]]:
    """Class of a section -> its keys, of all sections of a scenario."""
    schema = Scenario.model_json_schema()
    sections = {"Scenario": schema, **schema["$defs"]}
    return {name: _keys(name, section) for name, section in sections.items()}


def chosen_keys(part: str | None = None) -> list[Key]:
    """The keys of a section or the key of a dotted path, with those below; all without a path.

    Numbers in the path stand for any index of a list. Raises ValueError with a suggestion for an unknown path.
    """
    keys = [key for section in PATHS for key in scenario_keys()[section]]
    if part is None:
        return keys
    path = re.sub(r"(?<=\.)\d+(?=\.|$)", "*", part)
    found = [key for key in keys if any(f"{own}.".startswith(f"{path}.") for own in key.paths)]
    if not found:
        known_name("key of a scenario", part, key_paths())
    return found


def key_paths() -> list[str]:
    """The dotted paths of all keys, with * for the index in a list."""
    return [path for section in PATHS for key in scenario_keys()[section] for path in key.paths]


def section_title(section: str) -> str:
    """Where a section stands in a file."""
    paths = ", ".join(path.removesuffix(".*") for path in PATHS[section]) or "Top level"
    return f"{paths}, as a mapping or in a file" if section in IN_FILES else paths


def _keys(section: str, schema: Schema) -> tuple[Key, ...]:
    required = schema.get("required", ())
    return tuple(Key(section, name, field, name in required) for name, field in schema["properties"].items())


def _alternatives(schema: Schema) -> Iterator[Schema]:
    parts = schema.get("anyOf") or schema.get("oneOf")
    if parts is None:
        yield from [schema] if schema.get("type") != "null" else []
    for part in parts or ():
        yield from _alternatives(part)


def _type(schema: Schema, value: Mark, section: Mark) -> str:
    if "enum" in schema:
        return " or ".join(value(each) for each in schema["enum"])
    if "$ref" in schema:
        return section(schema["$ref"].rsplit("/", 1)[-1])
    if "prefixItems" in schema:
        return f"[{', '.join(_type(item, value, section) for item in schema['prefixItems'])}]"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], value, section)}"
    return "mapping" if schema.get("type") == "object" else str(schema["type"])


def _limits_of(part: Schema) -> Iterator[str]:
    if "least_above_zero" in part:
        yield f"0 or >= {part['least_above_zero']:g}"
    for limit, form in LIMITS.items():
        if limit in part and REPLACED_BY.get(limit) not in part:
            yield form.format(f"{part[limit]:g}")


def _parts(schema: Schema) -> Iterator[Schema]:
    """The alternatives of a field, and the items of those that are lists, ranges or mappings."""
    for one in _alternatives(schema):
        items = (*one.get("prefixItems", [])[:1], one.get("items", {}), one.get("additionalProperties", {}))
        yield from (part for part in (one, *items) if isinstance(part, dict))
