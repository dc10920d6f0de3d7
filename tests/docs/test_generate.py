"""The generators of the documentation: dead links are found, names need texts, equations become MathML."""

import re
from pathlib import Path

import pytest

pytest.importorskip("latex2mathml", reason="the generators need the extra 'docs'")

from docs._generate import layers
from docs._generate.links import broken_links
from docs._generate.mathml import equations_as_mathml
from docs._generate.tables import MissingText, markdown_table, require_texts, sentence
from edge_llm_gym.env.description.docstrings import docstring_table, text_below_table

CHECKOUT = Path(__file__).parents[2]
INDEX = '<h1 id="here">x</h1><a href="{target}">x</a>'


def site(folder, target, extra=""):
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text('<h2 id="part">x</h2>' + extra, "utf-8")
    (folder / "index.html").write_text(INDEX.format(target=target), "utf-8")
    return broken_links(folder)


@pytest.mark.parametrize("target", ["page/", "page/#part", "#here", "page/index.html", "https://example.org/nothing"])
def test_links_that_lead_somewhere_pass(tmp_path, target):
    assert site(tmp_path, target) == []


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("pages/", "no such file: pages/"),
        ("page/#parts", "no such anchor: page/#parts"),
        ("#there", "no such anchor: #there"),
    ],
)
def test_a_dead_link_is_named_with_its_page(tmp_path, target, fault):
    assert site(tmp_path, target) == [f"index.html: {fault}"]


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://example.org/x.js"></script>',
        '<img src="//example.org/x.png">',
        '<link rel="stylesheet" href="https://example.org/x.css">',
    ],
)
def test_a_page_that_loads_from_another_host_is_a_fault(tmp_path, tag):
    (fault,) = site(tmp_path, "page/", tag)
    assert fault.startswith("page/index.html: loads ")


def test_every_name_needs_a_text_and_every_text_a_name():
    require_texts("keys", ["a", "b"], {"a": "", "b": ""})
    with pytest.raises(MissingText, match=r"keys: no text .* for \['b'\]"):
        require_texts("keys", ["a", "b"], {"a": ""})
    with pytest.raises(MissingText, match=r"describes \['c'\]"):
        require_texts("keys", ["a"], {"a": "", "c": ""})


def test_cells_cannot_break_a_table():
    assert markdown_table(("a", "b"), [("x|y", "1\n2")]).splitlines()[2] == "| x\\|y | 1 2 |"


def test_equations_become_mathml():
    page = equations_as_mathml(r'<span class="arithmatex">\(a &lt; b_1\)</span>')
    assert page.startswith("<math")
    assert "<msub>" in page
    assert "arithmatex" not in page


def documented():
    """A table.

    | key | meaning |
    |---|---|
    | `a` | the first |
    | `b` | the second |

    What follows.
    """


def test_tables_are_read_from_docstrings():
    assert docstring_table(documented, "key") == [
        {"key": "a", "meaning": "the first"},
        {"key": "b", "meaning": "the second"},
    ]
    assert text_below_table(documented) == "What follows."
    with pytest.raises(ValueError, match="no table with the first column 'code'"):
        docstring_table(documented, "code")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("the first", "The first."), ("response_s / arrived", "response_s / arrived."), ("A note.", "A note.")],
)
def test_descriptions_become_sentences(text, expected):
    assert sentence(text) == expected


def test_the_diagram_shows_the_layers_of_the_import_contract():
    drawn = layers.PICTURE.read_text("utf-8")
    assert drawn == layers.picture(), "draw it anew: python -m docs._generate.layers"
    heights = {name: int(y) for y, name in re.findall(r'y="(\d+)" font-size="14"[^>]*>([\w/]+)<', drawn)}
    assert heights["agents/"] < heights["cli"] < heights["env"] < heights["sim"] < heights["settings"]
    assert heights["solvers"] == heights["sim"]
