"""The reader of YAML settings: overrides by dotted path, and errors that name kind, place and rule."""

import pytest
from pydantic import BaseModel, ConfigDict

from edge_llm_gym.settings import ConfigError, SettingsReader


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 1


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    optional: Part | None = None


READER = SettingsReader("recipe", Whole, ConfigError)


def test_overrides_go_by_dotted_path_and_leave_the_data_alone():
    data = {"parts": ({"size": 2}, {"size": 3})}
    read = READER.validate("x", data, {"part.size": 5, "parts.1.size": 7, "optional.size": 9})
    assert (read.part.size, [part.size for part in read.parts], read.optional) == (5, [2, 7], Part(size=9))
    assert data == {"parts": ({"size": 2}, {"size": 3})}


def test_the_value_of_an_override_is_not_changed_by_a_later_one():
    given = {"size": 2}
    assert READER.validate("x", {}, {"part": given, "part.size": 4}).part.size == 4
    assert given == {"size": 2}


@pytest.mark.parametrize(
    ("data", "overrides", "message"),
    [
        ({"prt": {}}, {}, r"recipe x:\n  prt: unknown key 'prt'; did you mean 'part'"),
        ({}, {"optional.sise": 1}, r"optional.sise: unknown key 'sise'; did you mean 'size'"),
        ({"parts": [{"sise": 1}]}, {}, r"parts.0.sise: unknown key 'sise'; did you mean 'size'"),
        ({"part": {"size": "a"}}, {}, r"part.size: .*integer.*\(got 'a'\)"),
        (
            {"part": {"size": 1}},
            {"part.size.more": 1},
            "recipe x: override 'part.size.more' addresses a key of a plain value 1",
        ),
        (
            {"parts": [{}]},
            {"parts.2.size": 1},
            "recipe x: override 'parts.2.size' needs an index from 0 to 0, or 1 to append, got '2'",
        ),
        ({"parts": []}, {"parts.1": {}}, "override 'parts.1' needs the index 0, got '1'"),
        ({"part": {"size": 1}}, {"part.size.more": 1}, "set 'part.size' itself"),
        ({"part": {"size": 1}}, {"part+": 1}, "override 'part\\+' appends to a list, got {'size': 1} there"),
        ({"parts": 5}, {}, r"parts: must be a list \(got 5\)"),
        ({"parts": [5]}, {}, r"parts.0: must be a mapping of keys \(got 5\)"),
    ],
)
def test_errors_name_kind_place_and_rule(data, overrides, message):
    with pytest.raises(ConfigError, match=message):
        READER.validate("x", data, overrides)


def test_overrides_append_to_lists():
    data = {"parts": ({"size": 2},)}
    sizes = lambda overrides: [part.size for part in READER.validate("x", data, overrides).parts]  # noqa: E731
    assert sizes({"parts.1": {"size": 5}}) == [2, 5]
    assert sizes({"parts.1.size": 6}) == [2, 6]
    assert sizes({"parts+": {"size": 7}}) == [2, 7]
    assert sizes({"parts+": [{"size": 7}, {"size": 8}], "parts.3.size": 9}) == [2, 7, 8, 9]
    assert data == {"parts": ({"size": 2},)}
    assert [part.size for part in READER.validate("x", {}, {"parts+": {"size": 3}}).parts] == [3]


def test_texts_hold_a_mapping():
    assert READER.parse("x", "part: {size: 3}") == {"part": {"size": 3}}
    with pytest.raises(ConfigError, match="recipe x: a recipe file holds a mapping at its top, got list"):
        READER.parse("x", "- 1")
    with pytest.raises(ConfigError, match="recipe x: not valid YAML"):
        READER.parse("x", "a: [")
