"""Chooses the format of a file by its columns, and finds the columns of a format among those of a file."""

from collections.abc import Sequence

from edge_llm_gym.names import suggestion
from edge_llm_gym.workload.trace_files.errors import TraceError, shown
from edge_llm_gym.workload.trace_files.formats import FORMATS, TraceFormat


def detect(where: str, names: Sequence[str]) -> TraceFormat:
    """The format with the most columns among those whose columns the file has; `where` begins the message.

    If there is none, the format that shares most columns is returned, so that reading names what is missing. Raises
    TraceError where the values could be read by several clocks, and for columns that belong to no format.
    """
    known = {_key(name) for name in names}
    complete = [
        layout for layout in FORMATS.values() if _covers(known, layout.recognised) and not _foreign(known, layout)
    ]
    if complete:
        layout = max(complete, key=lambda each: len(each.recognised))
        return layout._replace(clock=layout.detected_clock or layout.clock)
    _refuse_several_clocks(where, known)
    shared = {name: len(known.intersection(map(_key, layout.needed))) for name, layout in FORMATS.items()}
    closest = max(shared, key=lambda name: shared[name])
    if not shared[closest]:
        listed = "; ".join(f"{name}: {', '.join(layout.needed)}" for name, layout in FORMATS.items())
        raise TraceError(
            f"{where}: must name the columns of a known format ({listed}), got {shown(list(names))}; rename them, or "
            "name yours, as in --columns arrival_s=time,prompt_tokens=input,output_tokens=output"
        )
    return FORMATS[closest]


def _covers(known: set[str], columns: Sequence[str]) -> bool:
    return known.issuperset(map(_key, columns))


def _foreign(known: set[str], layout: TraceFormat) -> bool:
    return not known.isdisjoint(map(_key, layout.foreign))


def _refuse_several_clocks(where: str, known: set[str]) -> None:
    candidates = {name: layout for name, layout in FORMATS.items() if layout.marks and _covers(known, layout.needed)}
    if candidates:
        units = " or ".join(f"{name!r} ({layout.clock.unit})" for name, layout in candidates.items())
        columns = ", ".join(next(iter(candidates.values())).needed)
        raise TraceError(
            f"{where}: the columns {columns} do not tell the unit of time; name the format: {units}, as in --format "
            f"{next(iter(candidates))}"
        )


def positions(where: str, columns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Index of each column among the names of a file, which may differ in case and in spaces around them.

    Raises TraceError for a column that is missing, with a suggestion, or named twice.
    """
    return [_position(where, column, names) for column in columns]


def _position(where: str, column: str, names: Sequence[str]) -> int:
    found = [index for index, name in enumerate(names) if name == column] or [
        index for index, name in enumerate(names) if _key(name) == _key(column)
    ]
    if len(found) > 1:
        raise TraceError(f"{where}: column {column!r} must be named once, got {len(found)} columns; rename one")
    if not found:
        raise TraceError(f"{where}: column {column!r} is missing; {suggestion(column, names)}")
    return found[0]


def _key(name: str) -> str:
    return name.strip().casefold()
