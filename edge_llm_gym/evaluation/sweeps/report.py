"""Writes a sweep as one HTML page: tables, figure, the comparison of every point, settings, scenario, versions."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from edge_llm_gym.evaluation.html import REPORT, Origin
from edge_llm_gym.evaluation.html.report import figure_parts, section, seeds_text, table_hint
from edge_llm_gym.evaluation.sweeps.grid import value_text
from edge_llm_gym.evaluation.sweeps.result import Sweep
from edge_llm_gym.evaluation.sweeps.tables import sweep_sheets
from edge_llm_gym.evaluation.tables import comparison_sheets
from edge_llm_gym.files import write_text
from edge_llm_gym.sheets.html import definitions, folded, html_text, page, paragraph, to_html


def save_sweep_report(sweep: Sweep, origin: Origin, folder: str | Path, figures: Mapping[str, Path]) -> Path:
    """Writes report.html into an existing folder; returns its path. `figures` are PNG files by their captions."""
    path = Path(folder) / REPORT
    write_text(path, sweep_page(sweep, origin, {name: file.read_bytes() for name, file in figures.items()}))
    return path


def sweep_page(sweep: Sweep, origin: Origin, figures: Mapping[str, bytes]) -> str:
    """The text of the page. `origin` is of the first point; `figures` are PNG images by their captions."""
    parts = (
        paragraph(f"Scenario {origin.scenario.name}: {origin.scenario.description}"),
        *section("Results", (table_hint(), *map(to_html, sweep_sheets(sweep)))),
        *section("Figures", figure_parts(figures)),
        *section("Points", _points(sweep)),
        *section("Settings", _settings(sweep, origin)),
        *section("Versions", (definitions(origin.versions()),)),
    )
    swept = " and ".join(parameter.path for parameter in sweep.parameters)
    return page(f"Sweep over {swept} on {sweep.environment}", "\n".join(parts))


def _points(sweep: Sweep) -> Iterator[str]:
    """The tables of the comparison at each point."""
    for point, comparison in sweep.items():
        yield folded(point.label, "\n".join(map(to_html, comparison_sheets(comparison))))


def _settings(sweep: Sweep, origin: Origin) -> Iterator[str]:
    if origin.command:
        yield f"<pre>{html_text(origin.command)}</pre>"
    yield definitions(
        (
            ("environment", sweep.environment),
            *((each.path, ", ".join(map(value_text, each.values))) for each in sweep.parameters),
            ("policies", ", ".join(sweep.policies)),
            ("reference", sweep.reference),
            ("seeds", seeds_text(sweep.seeds)),
            ("workload of the first point", origin.workload),
            *((name, str(value)) for name, value in origin.settings.items()),
        )
    )
    yield folded(
        f"scenario {origin.scenario.name} of the first point with all defaults",
        f"<pre>{html_text(origin.scenario_yaml())}</pre>",
    )
