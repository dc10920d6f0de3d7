"""The files of the curves: columns that appear later, and cuts at a position."""

import csv

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.curves import Curves, ProgressFile


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def line(writer, step, **values):
    writer.write(values, dict.fromkeys(values, ()), step)


def test_a_column_that_appears_later_is_empty_before(tmp_path):
    writer = ProgressFile(tmp_path / "progress.csv")
    line(writer, 1, a=0.5)
    line(writer, 2, a=0.25, b="one, two")
    line(writer, 3, b="three")
    assert rows(tmp_path / "progress.csv") == [
        {"step": "1", "a": "0.5", "b": ""},
        {"step": "2", "a": "0.25", "b": "one, two"},
        {"step": "3", "a": "", "b": "three"},
    ]
    assert writer.lines == 3


def test_a_resumed_file_equals_the_uninterrupted_one(tmp_path):
    whole, cut = (ProgressFile(tmp_path / name) for name in ("whole.csv", "cut.csv"))
    for writer in (whole, cut):
        line(writer, 1, a=0.5)
        line(writer, 1, b=0.5)
    line(cut, 2, lost=1.0)
    with (tmp_path / "cut.csv").open("a") as file:
        file.write('3,"half of a li')  # a killed process
    resumed = ProgressFile(tmp_path / "cut.csv", lines=2)
    for writer in (whole, resumed):
        line(writer, 2, a=0.25, c=1.0)
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "cut.csv").read_bytes()


def test_excluded_values_and_counts_of_the_process_are_left_out(tmp_path):
    writer = ProgressFile(tmp_path / "progress.csv")
    writer.write({"a": 1, "b": 2, "time/iterations": 3}, {"a": (), "b": ("csv",), "time/iterations": ()}, 7)
    assert rows(tmp_path / "progress.csv") == [{"step": "7", "a": "1"}]


def scalars(folder):
    events = EventAccumulator(str(folder / "tensorboard" / "agent")).Reload()
    return [(point.step, point.value) for point in events.Scalars("a")]


@pytest.mark.parametrize("resume", [True, False], ids=["at the position", "from the beginning"])
def test_event_files_are_cut_at_the_position(tmp_path, resume):
    curves = Curves(tmp_path)
    curves.open()
    curves.logger.record("a", 1.0)
    curves.logger.dump(10)
    position = curves.position()
    curves.logger.record("a", 2.0)
    curves.logger.dump(20)
    curves.logger.close()
    again = Curves(tmp_path)
    again.open(position if resume else None)
    again.logger.record("a", 3.0)
    again.logger.dump(20)
    again.logger.close()
    assert scalars(tmp_path) == ([(10, 1.0)] if resume else []) + [(20, 3.0)]
    assert [row["step"] for row in rows(tmp_path / "progress.csv")] == (["10"] if resume else []) + ["20"]
