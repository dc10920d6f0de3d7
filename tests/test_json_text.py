"""JSON that is read by line."""

import json

from edge_llm_gym.json_text import folded

DATA = {"a": [1, 2.5, None], "b": [{"c": "x"}, {}], "d": {}, "e": [], "f": {"g": [[1, 2], [3]]}}


def test_lists_of_plain_values_take_one_line():
    lines = [
        "{",
        ' "a": [1, 2.5, null],',
        ' "b": [',
        "  {",
        '   "c": "x"',
        "  },",
        "  {}",
        " ],",
        ' "d": {},',
        ' "e": [],',
        ' "f": {',
        '  "g": [[1, 2], [3]]',
        " }",
        "}",
    ]
    assert folded(DATA) == "\n".join(lines)
    assert json.loads(folded(DATA)) == DATA
