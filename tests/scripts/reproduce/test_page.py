"""Pages: tables, rows of the claims, and templates that ask for variables."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from edge_llm_gym.evaluation.statistics import Interval
from scripts.reproduce.__main__ import DOCS
from scripts.reproduce.measures import ACCURACY, DELAY
from scripts.reproduce.page import TEMPLATES, Target, render, table_row
from scripts.reproduce.tables import markdown_table, means_table

CHECKOUT = Path(__file__).parents[3]


def test_a_row_joins_cells_that_span_lines():
    assert table_row("\nA claim.\n| **agrees**\n| Two\nlines.\n") == "| A claim. | **agrees** | Two lines. |\n"


def test_a_table_aligns_numbers_to_the_right():
    assert markdown_table(("a", "b"), [("x", "1")]).splitlines() == ["| a | b |", "|---|---:|", "| x | 1 |"]


@pytest.mark.parametrize(("measure", "best"), [(DELAY, "**1.00**"), (ACCURACY, "**200.0 %**")])
def test_the_best_mean_of_a_column_is_bold(measure, best):
    means = {name: [Interval(mean, mean, mean)] for name, mean in (("x", 1.0), ("y", 2.0))}
    assert means_table(means, ("column",), measure).count("**") == 2
    assert best in means_table(means, ("column",), measure)


def test_pictures_are_linked_relative_to_the_page(tmp_path):
    target = Target.below(tmp_path)
    assert target.link(target.images / "x.png") == "../images/x.png"
    assert Target(tmp_path, tmp_path / "images").link(tmp_path / "images" / "x.png") == "images/x.png"


@pytest.mark.parametrize("study", sorted(path.stem for path in TEMPLATES.glob("*.md")))
def test_a_missing_variable_is_an_error(study):
    with pytest.raises(UndefinedError, match="is undefined"):
        render(study, {"seeds": (0,)})


def fixed_lines(template):
    """Lines of a template that every page of the study has: without variables, outside conditions and loops."""
    depth, lines = 0, []
    for line in template.read_text("utf-8").splitlines():
        included = re.fullmatch(r'{% include "(.+)" %}', line)
        if included and depth == 0:
            lines += fixed_lines(TEMPLATES / included[1])
        depth += len(re.findall(r"{%-? (?:if|for|macro|filter) ", line)) - len(re.findall(r"{%-? end", line))
        if depth == 0 and line.strip() and not re.search("{[{%]", line):
            lines.append(line)
    return lines


@pytest.mark.parametrize("study", sorted(path.stem for path in TEMPLATES.glob("*.md")))
def test_published_pages_have_the_text_of_their_template(study):
    page = (CHECKOUT / DOCS / "results" / f"reproduction-{study}.md").read_text("utf-8").splitlines()
    lines = fixed_lines(TEMPLATES / f"{study}.md")
    assert len(lines) > 15
    assert [line for line in lines if line not in page] == []
