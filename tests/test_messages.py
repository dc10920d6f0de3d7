"""Values in messages are shortened, whatever they are."""

import pytest

from edge_llm_gym.messages import MAX_TEXT, MAX_VALUE, quoted, shortened
from edge_llm_gym.names import suggestion


@pytest.mark.parametrize("value", [3, -2.5, "a", "it's", [1, 2.0], (1, "b"), {"a": [1]}, None, True, 10**30, {}])
def test_short_values_are_written_as_they_are(value):
    assert quoted(value) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 2_000_000,
        ["y" * 1000] * 1000,
        {str(key): key for key in range(100_000)},
        10**6000,
        [[[[[[[0]]]]]]],
        b"b" * 9999,
    ],
    ids=["text", "list", "mapping", "number", "nested", "bytes"],
)
def test_long_values_are_shortened(value):
    assert len(quoted(value)) <= MAX_VALUE
    assert len(quoted([value, value])) <= MAX_VALUE


def test_a_value_that_contains_itself():
    value: list = []
    value.append(value)
    assert len(quoted(value)) < 50


def test_both_ends_of_a_text_are_kept():
    text = "begin" + "x" * 5000 + "end"
    assert len(shortened(text)) <= MAX_TEXT
    assert (shortened(text)[:5], shortened(text)[-3:]) == ("begin", "end")


def test_a_long_misspelt_name_is_compared_in_its_beginning():
    assert suggestion("a" * 1_000_000, ["apple", "pear"]) == "choose one of: apple, pear"
    assert suggestion("appel", ["apple", "pear"]) == "did you mean 'apple'?"
