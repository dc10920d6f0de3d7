"""Writes a comparison as one HTML page: tables, figures, settings, scenario, versions. Nothing in it is loaded."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.html.episodes import episode_table
from edge_llm_gym.evaluation.html.origin import Origin
from edge_llm_gym.evaluation.plots import NO_FIGURES
from edge_llm_gym.evaluation.tables import comparison_sheets, value_note
from edge_llm_gym.files import write_text
from edge_llm_gym.sheets.html import definitions, folded, html_text, page, paragraph, picture, to_html, wide

REPORT: Final = "report.html"


def save_report(
    comparison: Comparison, origin: Origin, folder: str | Path, figures: Mapping[str, Path] | None = None
) -> Path:
    """Writes report.html into an existing folder; returns its path. `figures` are PNG files by their captions."""
    path = Path(folder) / REPORT
    write_text(
        path, report_page(comparison, origin, {name: file.read_bytes() for name, file in (figures or {}).items()})
    )
    return path


def report_page(comparison: Comparison, origin: Origin, figures: Mapping[str, bytes] | None = None) -> str:
    """The text of the page. `figures` are PNG images by their captions; a note stands in their place without any."""
    parts = (
        paragraph(f"Scenario {origin.scenario.name}: {origin.scenario.description}"),
        *section("Results", (_tables(comparison, origin),)),
        *section("Figures", figure_parts(figures or {})),
        *section("Episodes", (folded("every policy and seed", to_html(episode_table(comparison))),)),
        *section("Settings", _settings(comparison, origin)),
        *section("Versions", (definitions(origin.versions()),)),
    )
    return page(f"Comparison on {comparison.environment}", "\n".join(parts))


def section(title: str, parts: Iterable[str]) -> Iterator[str]:
    """A heading, then the parts."""
    yield f"<h2>{html_text(title)}</h2>"
    yield from parts


def _tables(comparison: Comparison, origin: Origin) -> str:
    note = value_note(origin.scenario) if "gap" in comparison.metrics or comparison.bounds else ""
    return "\n".join(
        (table_hint(), *map(to_html, comparison_sheets(comparison)), paragraph(note, "note") if note else "")
    )


def table_hint() -> str:
    """What the headings of tables do."""
    return paragraph("A click on a heading sorts a table by that column.", "note")


def figure_parts(figures: Mapping[str, bytes]) -> Iterator[str]:
    """Captions with their PNG images; a note where there are none."""
    if not figures:
        yield paragraph(f"Figures are left out: {NO_FIGURES}", "note")
    for caption, png in figures.items():
        yield f"<h3>{html_text(caption)}</h3>"
        yield wide(picture(png, caption), caption)


def _settings(comparison: Comparison, origin: Origin) -> Iterator[str]:
    if origin.command:
        yield f"<pre>{html_text(origin.command)}</pre>"
    yield definitions(
        (
            ("environment", comparison.environment),
            ("policies", ", ".join(comparison.policies)),
            ("seeds", seeds_text(comparison.seeds)),
            ("workload", origin.workload),
            *((("trace", str(comparison.replay)),) if comparison.replay is not None else ()),
            *((name, str(value)) for name, value in origin.settings.items()),
        )
    )
    yield folded(
        f"scenario {origin.scenario.name} with all defaults", f"<pre>{html_text(origin.scenario_yaml())}</pre>"
    )


def seeds_text(seeds: tuple[int, ...]) -> str:
    """Seeds as a range where they are consecutive, else one by one."""
    first, last = seeds[0], seeds[-1]
    consecutive = len(seeds) > 2 and seeds == tuple(range(first, last + 1))
    return f"{first} to {last}" if consecutive else ", ".join(map(str, seeds))
