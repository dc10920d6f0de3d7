"""The report of a comparison as one HTML page."""

from base64 import b64encode

import pytest

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.html import Origin, report_page, save_report
from edge_llm_gym.evaluation.html.origin import command_line
from edge_llm_gym.evaluation.html.report import seeds_text
from edge_llm_gym.evaluation.report_layout import LAYOUTS
from edge_llm_gym.scenario import load_scenario
from tests.browser import Page, require_self_contained, shown

EVIL = "mine:<script>document.body.dataset.evil=1</script>"
LAYOUT = LAYOUTS["batching"]
METRICS = {name for name, _, _ in (LAYOUT.headline, *LAYOUT.columns, *LAYOUT.cause_columns)} | {"served_value"}


def _episodes(value: float) -> tuple[dict[str, float], ...]:
    return tuple(dict.fromkeys(METRICS, value + seed) for seed in (0.0, 0.125))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return Comparison("EdgeLLM/SingleNode-v0", (3, 4), {"edf": _episodes(2.0), EVIL: _episodes(1.0)})


@pytest.fixture(scope="module")
def origin() -> Origin:
    scenario = load_scenario("single-node", {"description": "of </pre><b>mine</b>", "arrivals.rate_per_s": 2.375})
    return Origin(scenario, "Poisson & more", {"gap": 7}, f"edge-llm-gym compare -p '{EVIL}'")


def test_a_report_holds_tables_settings_scenario_versions_and_command(comparison, origin):
    text = report_page(comparison, origin)
    parsed = Page(text)
    require_self_contained(text)
    assert parsed.texts("h2") == ["Results", "Figures", "Episodes", "Settings", "Versions"]
    assert len(parsed.all("table")) == 3
    command, scenario = parsed.texts("pre")
    assert command == origin.command
    assert "rate_per_s: 2.375" in scenario
    values = dict(zip(parsed.texts("dt"), parsed.texts("dd"), strict=True))
    assert values["seeds"] == "3, 4"
    assert values["policies"] == f"edf, {EVIL}"
    assert values["workload"] == "Poisson & more"
    assert values["gap"] == "7"
    assert {"edge-llm-gym", "Python", "numpy", "platform"} <= set(values)


def test_names_of_users_are_escaped(comparison, origin):
    parsed = Page(report_page(comparison, origin))
    assert len(parsed.all("script")) == 1
    assert not parsed.all("b")
    assert parsed.texts("th").count(EVIL) == 4  # in both tables of means, and once per seed


def test_figures_are_embedded_and_a_note_stands_for_missing_ones(comparison, origin, tmp_path):
    (tmp_path / "a.png").write_bytes(b"picture")
    text = save_report(comparison, origin, tmp_path, {"A caption": tmp_path / "a.png"}).read_text()
    require_self_contained(text)
    (image,) = Page(text).all("img")
    assert image["alt"] == "A caption"
    assert image["src"].endswith(b64encode(b"picture").decode())
    assert "left out" not in text
    assert "Figures are left out" in report_page(comparison, origin)


def test_undefined_numbers_of_episodes_are_dashes(comparison, origin):
    empty = dict.fromkeys(METRICS, 0.0) | {"quality": float("nan")}
    text = report_page(Comparison("e", (0, 1), {"edf": (empty, *_episodes(1.0)[:1])}), origin)
    assert "nan" not in Page(text).texts("td")
    assert "-" in Page(text).texts("td")


@pytest.mark.parametrize(
    ("seeds", "text"), [((4,), "4"), ((0, 1, 2), "0 to 2"), ((1, 3, 4), "1, 3, 4"), ((5, 6), "5, 6")]
)
def test_seeds_are_a_range_where_they_are_consecutive(seeds, text):
    assert seeds_text(seeds) == text


def test_the_command_is_quoted_as_a_shell_takes_it(monkeypatch):
    monkeypatch.setattr("sys.argv", ["x", "compare", "-p", "a b"])
    assert command_line() == "edge-llm-gym compare -p 'a b'"


def test_a_browser_shows_the_report_without_running_what_users_wrote(comparison, origin, tmp_path):
    parsed = shown(report_page(comparison, origin), tmp_path)
    assert parsed.all("body") == [{}]
    assert parsed.texts("tbody")[0].count(EVIL) == 1
