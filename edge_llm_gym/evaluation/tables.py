"""Comparisons as tables for the terminal."""

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from edge_llm_gym.evaluation.comparison import SERVED_VALUE, Comparison
from edge_llm_gym.evaluation.report_layout import Columns
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.scenario import Scenario


def result_table(comparison: Comparison) -> Table:
    """Metrics of every policy: means over seeds, and the score as a paired difference to the best policy."""
    title = f"{comparison.environment}: {len(comparison.seeds)} paired seeds, 95 % bootstrap intervals"
    title += f"\n{comparison.empty_note}" if comparison.empty_note else ""
    layout = comparison.layout
    metric, heading, form = layout.headline
    paired = f"{layout.score_title} - {comparison.best}"
    table = _table(title, heading, paired, *_titles(layout.columns))
    table.caption = "\n".join(_count_notes(comparison, (layout.headline, *layout.columns))) or None
    for policy in comparison.policies:
        first = _interval(comparison.mean(policy, metric), form)
        cells = _cells(comparison, policy, layout.columns)
        table.add_row(escape(policy), escape(first), _difference(comparison, policy), *cells)
    return table


def cause_table(comparison: Comparison) -> Table:
    """Requests per episode that were not served, and refusals, by cause."""
    layout = comparison.layout
    table = _table(layout.cause_title, *_titles(layout.cause_columns))
    for policy in comparison.policies:
        table.add_row(escape(policy), *_cells(comparison, policy, layout.cause_columns))
    return table


def gap_table(comparison: Comparison) -> Table:
    """Gap of every policy to the exact optima of the measured epochs."""
    table = _table("gap to the exact optima of the measured epochs", "gap", "epochs", "optima proved")
    for policy in comparison.policies:
        gap, epochs = comparison.mean(policy, "gap"), comparison.samples(policy, "gap_epochs").sum()
        cell = _interval(gap, "{:.2%}")
        table.add_row(
            escape(policy), escape(cell), f"{epochs:.0f}", f"{comparison.mean(policy, 'gap_proved').mean:.1%}"
        )
    return table


def bound_table(comparison: Comparison) -> Table:
    """Served value of every policy as a share of the clairvoyant bound."""
    mean = sum(comparison.bounds) / len(comparison.bounds)
    table = _table(f"served value over the clairvoyant bound, which is {mean:.1f} on average", "share of the bound")
    positive = sum(bound > 0 for bound in comparison.bounds)
    table.caption = f"over the {positive} seeds with a bound above 0" if positive < len(comparison.bounds) else None
    for policy in comparison.policies:
        share = _interval(comparison.share_of_bound(policy), "{:.1%}")
        table.add_row(escape(policy), escape(share))
    return table


def _count_notes(comparison: Comparison, columns: Columns) -> Iterator[str]:
    """Lines on the means that are over fewer seeds than those with requests."""
    usual = len(comparison.seeds) - len(comparison.empty_seeds)
    for policy in comparison.policies:
        counts = {title: comparison.count(policy, metric) for metric, title, _ in columns}
        for count in sorted({count for count in counts.values() if count < usual}, reverse=True):
            titles = ", ".join(title for title, each in counts.items() if each == count)
            yield escape(f"{policy}: over {count} of {usual} seeds, in which they are defined: {titles}")


def value_note(scenario: Scenario) -> str:
    """A line for gaps and bounds where the reward has other terms than served value; empty where it has none."""
    others = [term for term in scenario.reward if term != SERVED_VALUE]
    if not others:
        return ""
    return f"gaps and bounds count served value only, without the other terms of the reward: {', '.join(others)}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column("policy", style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column.replace("[", r"\["), justify="right", no_wrap=True)
    return table


def _titles(columns: Columns) -> list[str]:
    return [title for _, title, _ in columns]


def _cells(comparison: Comparison, policy: str, columns: Columns) -> list[str]:
    means = ((comparison.mean(policy, metric).mean, form) for metric, _, form in columns)
    return ["-" if mean != mean else form.format(mean) for mean, form in means]


def _interval(interval: Interval, form: str) -> str:
    """Mean and interval as text, "-" where they are undefined."""
    if interval.mean != interval.mean:
        return "-"
    return f"{form.format(interval.mean)} [{form.format(interval.low)}, {form.format(interval.high)}]"


def _difference(comparison: Comparison, policy: str) -> str:
    if policy == comparison.best:
        return "best"
    interval = comparison.difference(policy)
    return f"{interval.mean:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]"
