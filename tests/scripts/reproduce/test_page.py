"""Pages: tables, rows of the claims, and templates that ask for variables."""

import pytest
from jinja2 import UndefinedError

from edge_llm_gym.evaluation.statistics import Interval
from scripts.reproduce.measures import ACCURACY, DELAY
from scripts.reproduce.page import TEMPLATES, Target, render, table_row
from scripts.reproduce.tables import markdown_table, means_table


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
