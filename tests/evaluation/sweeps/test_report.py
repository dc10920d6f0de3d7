"""The report of a sweep as one HTML page."""

from edge_llm_gym.evaluation.html import Origin
from edge_llm_gym.evaluation.sweeps.report import save_sweep_report, sweep_page
from tests.browser import Page, require_self_contained
from tests.evaluation.sweeps.invented import POLICIES, RATES_AND_MEMORY, invented


def test_a_report_holds_tables_points_settings_and_versions(tmp_path):
    sweep = invented(RATES_AND_MEMORY)
    origin = Origin(sweep.grid.points[0].scenario, "Poisson & more", {"reward": "a:b"}, "edge-llm-gym sweep")
    (tmp_path / "a.png").write_bytes(b"picture")
    text = save_sweep_report(sweep, origin, tmp_path, {"A caption": tmp_path / "a.png"}).read_text()
    parsed = Page(text)
    require_self_contained(text)
    assert parsed.texts("h2") == ["Results", "Figures", "Points", "Settings", "Versions"]
    assert len(parsed.all("table")) == 2 + 6 * 2  # two tables at each of the six points
    assert parsed.texts("summary")[:2] == [
        "arrivals.rate_per_s=1, nodes.0.memory_fraction=0.5",
        "arrivals.rate_per_s=1, nodes.0.memory_fraction=0.6",
    ]
    values = dict(zip(parsed.texts("dt"), parsed.texts("dd"), strict=True))
    assert values["nodes.0.memory_fraction"] == "0.5, 0.6, 0.7"
    assert values["policies"] == ", ".join(POLICIES)
    assert (values["reference"], values["reward"], values["seeds"]) == ("edf", "a:b", "0, 1")
    (image,) = parsed.all("img")
    assert image["alt"] == "A caption"
    assert "Figures are left out" in sweep_page(sweep, origin, {})
