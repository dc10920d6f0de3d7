import json
import pickle

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from edge_llm_gym.workload.arrivals import DayCycle, GammaBursty, Poisson
from edge_llm_gym.workload.config import ARRIVAL_KEYS, LENGTH_KEYS, ArrivalsConfig, LengthsConfig
from edge_llm_gym.workload.factory import build_workload
from edge_llm_gym.workload.lengths import Choice, LogNormal
from edge_llm_gym.workload.published import published
from edge_llm_gym.workload.replay import ResampledLengths, TraceReplay
from edge_llm_gym.workload.trace_source import bound_ns
from edge_llm_gym.workload.workload import SyntheticWorkload, TraceWorkload

LIMITS = {"max_prompt_tokens": 4096, "max_output_tokens": 512}
CHOICE = {"kind": "choice", "prompt_tokens": (128, 256), "output_tokens": [64]}


@pytest.fixture
def trace_file(tmp_path):
    rows = "".join(f"{second},{100 + second},{second + 1}\n" for second in range(20))
    path = tmp_path / "own.csv"
    path.write_text("arrival_s,prompt_tokens,output_tokens\n" + rows)
    return str(path)


def built(arrivals, lengths):
    return build_workload(ArrivalsConfig(**arrivals), LengthsConfig(**lengths, **LIMITS))


@pytest.mark.parametrize(
    ("options", "process"),
    [
        ({"process": "poisson", "rate_per_s": 4}, Poisson(4.0)),
        ({"process": "gamma", "rate_per_s": 4, "cv": 2}, GammaBursty(4.0, 2.0)),
        ({"process": "day-cycle", "rate_per_s": 4, "depth": 0.0, "period_s": 60}, DayCycle(4.0, 0.0, 60.0)),
        (
            {"process": "day-cycle", "rate_per_s": 4, "depth": 0.5, "period_s": 60, "phase": 0},
            DayCycle(4.0, 0.5, 60.0, phase=0.0),
        ),
        ({"process": "azure-conv-2023"}, published("azure-conv-2023").arrivals),
        ({"process": "azure-code-2023", "rate_per_s": 1.0}, published("azure-code-2023").arrivals.at_rate(1.0)),
    ],
)
def test_each_process_is_built_with_its_options(options, process):
    workload = built(options, CHOICE)
    assert workload.process == process
    assert workload.lengths == Choice((128, 256), (64,))
    assert workload.rate_per_s == process.rate_per_s


@pytest.mark.parametrize(
    ("options", "model"),
    [
        (CHOICE, Choice((128, 256), (64,))),
        (
            {"kind": "lognormal", "prompt_mean": 500, "prompt_cv": 1, "output_mean": 50, "output_cv": 0.5},
            LogNormal(500.0, 1.0, 50.0, 0.5),
        ),
        ({"kind": "azure-conv-2023"}, published("azure-conv-2023").lengths),
        ({"kind": "azure-code-2023"}, published("azure-code-2023").lengths),
    ],
)
def test_each_kind_of_lengths_is_built_with_its_options(options, model):
    workload = built({"process": "poisson", "rate_per_s": 4}, options)
    assert workload.lengths == model
    assert (workload.max_prompt_tokens, workload.max_output_tokens) == (4096, 512)


def test_a_trace_is_replayed_row_by_row(trace_file):
    workload = built({"process": "trace", "file": trace_file}, {"kind": "trace"})
    assert isinstance(workload, TraceWorkload)
    assert workload.rate_per_s == pytest.approx(1.0)
    assert workload.jitter_s == 0.0
    drawn = workload.draw(np.random.default_rng(0), 15.0)
    np.testing.assert_array_equal(drawn.prompt_tokens, drawn.output_tokens + 99)
    assert set(np.diff(drawn.prompt_tokens)) <= {1, -19}


def test_a_trace_takes_rate_format_and_jitter(trace_file):
    options = {"process": "trace", "file": trace_file, "rate_per_s": 8.0, "jitter_s": 1.0, "format": "own"}
    workload = built(options, {"kind": "trace"})
    assert (workload.rate_per_s, workload.jitter_s) == (8.0, 1.0)
    arrival_s = workload.draw(np.random.default_rng(0), 1.0).arrival_s
    assert np.unique(arrival_s * 8 % 1.0).size == arrival_s.size > 2


def test_arrivals_of_a_trace_go_with_other_lengths(trace_file):
    workload = built({"process": "trace", "file": trace_file}, CHOICE)
    assert isinstance(workload, SyntheticWorkload)
    assert isinstance(workload.process, TraceReplay)
    assert set(workload.draw(np.random.default_rng(0), 15.0).output_tokens) == {64}


def test_lengths_of_a_trace_go_with_other_arrivals(trace_file):
    workload = built({"process": "poisson", "rate_per_s": 40}, {"kind": "trace", "file": trace_file})
    assert isinstance(workload.lengths, ResampledLengths)
    drawn = workload.draw(np.random.default_rng(0), 15.0)
    assert set(drawn.output_tokens) == set(range(1, 21))


def test_a_section_takes_columns_and_a_window(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("ms,in,out\n" + "".join(f"{1000 * second},{100 + second},{second + 1}\n" for second in range(20)))
    source = {
        "file": str(path),
        "columns": {"arrival_ms": "ms", "prompt_tokens": "in", "output_tokens": "out"},
        "window_from": 5,
        "window_until": 15.0,
    }
    replayed = built({"process": "trace", **source}, {"kind": "trace"})
    assert (replayed.trace.requests, replayed.trace.prompt_tokens[0]) == (10, 105)
    assert "window from 5 s until 15 s: 10 of 20 requests" in replayed.describe()
    resampled = built({"process": "poisson", "rate_per_s": 40}, {"kind": "trace", **source})
    assert set(resampled.draw(np.random.default_rng(0), 15.0).output_tokens) == set(range(6, 16))
    assert "window from 5 s until 15 s: 10 of 20 requests" in resampled.describe()


def test_token_counts_without_times_give_lengths_but_no_arrivals(tmp_path):
    path = tmp_path / "chats.json"
    turns = [[{"value": "x" * 40}, {"value": "y" * size}] for size in (8, 12)]
    path.write_text(json.dumps([{"conversations": each} for each in turns]))
    workload = built({"process": "poisson", "rate_per_s": 40}, {"kind": "trace", "file": str(path)})
    drawn = workload.draw(np.random.default_rng(0), 15.0)
    assert (set(drawn.prompt_tokens), set(drawn.output_tokens)) == ({10}, {2, 3})
    assert "estimates" in workload.describe()
    with pytest.raises(ValueError, match="a trace needs arrival times"):
        built({"process": "trace", "file": str(path)}, {"kind": "trace"})


def test_a_window_in_yaml_may_be_a_number_a_date_or_a_text():
    for text, bound in (
        ("600", 600.0),
        ("2023-11-16 18:20:00", "2023-11-16T18:20:00"),
        ("'2023-11-16 18:20:00Z'",) * 2,
    ):
        section = yaml.safe_load(f"{{process: trace, file: t.csv, window_from: {text}}}")
        assert ArrivalsConfig(**section).window_from == (bound if bound != text else text.strip("'"))
    aware = yaml.safe_load("window_from: 2023-11-16T18:20:00+02:00")
    assert bound_ns(ArrivalsConfig(process="trace", file="t.csv", **aware).window_from) == bound_ns(
        "2023-11-16 16:20:00"
    )


@pytest.mark.parametrize(
    ("arrivals", "lengths", "message"),
    [
        (
            {"process": "trace", "file": "t.csv"},
            {"kind": "trace", "file": "t.csv"},
            "lengths must not name a file if",
        ),
        (
            {"process": "poisson", "rate_per_s": 1},
            {"kind": "trace"},
            "lengths of kind 'trace' need a file if .*'poisson'",
        ),
    ],
)
def test_sections_that_do_not_fit_are_rejected_before_a_file_is_opened(arrivals, lengths, message):
    with pytest.raises(ValueError, match=message):
        built(arrivals, lengths)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"process": "poisson"}, "process 'poisson' needs rate_per_s"),
        ({"process": "gamma", "rate_per_s": 1}, "process 'gamma' needs cv"),
        ({"process": "day-cycle"}, "process 'day-cycle' needs rate_per_s and depth and period_s"),
        ({"process": "trace"}, "process 'trace' needs file"),
        (
            {"process": "poisson", "rate_per_s": 1, "cv": 2},
            r"process 'poisson' does not use cv, got 2\.0; remove it, or choose process 'gamma'",
        ),
        ({"process": "azure-code-2023", "jitter_s": 0}, "does not use jitter_s, .* choose process 'trace'"),
        ({"process": "poison", "rate_per_s": 1}, "should be 'poisson', 'gamma'"),
        ({"process": "poisson", "rate_per_s": 0}, "in 1/s and must be from 1e-06"),
        ({"process": "poisson", "rate_per_s": float("inf")}, "finite number"),
        ({"process": "day-cycle", "rate_per_s": 1, "depth": 1.2, "period_s": 1}, "must be from 0 to 1"),
        ({"process": "trace", "file": "x", "format": "csv"}, "should be 'azure', 'mooncake'"),
        ({"process": "trace", "file": "x", "columns": {"time": "t"}}, "should be 'arrival_s', 'arrival_ms'"),
        (
            {"process": "trace", "file": "x", "window_from": "noon"},
            "bounded by seconds from the first request or a time",
        ),
        ({"process": "trace", "file": "x", "window_from": 5, "window_until": 5}, "must end after it begins"),
        ({"process": "trace", "file": "x", "window_from": -5}, "this number is in s and must be from 0"),
        ({"process": "poisson", "rate_per_s": 1, "window_from": 5}, "does not use window_from, .* process 'trace'"),
        ({"process": "poisson", "rate_per_s": 1, "rate": 2}, "Extra inputs are not permitted"),
    ],
)
def test_bad_arrivals_are_rejected(options, message):
    with pytest.raises(ValidationError, match=message):
        ArrivalsConfig(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "choice", "prompt_tokens": [1]}, "kind 'choice' needs output_tokens"),
        ({"kind": "choice", "prompt_tokens": [], "output_tokens": [1]}, "at least 1 item"),
        ({"kind": "choice", "prompt_tokens": [0], "output_tokens": [1]}, "in tokens and must be from 1 to"),
        ({"kind": "lognormal", "prompt_mean": 5}, "kind 'lognormal' needs prompt_cv and output_mean and output_cv"),
        ({"kind": "azure-conv-2023", "prompt_cv": 1}, "does not use prompt_cv, .* choose kind 'lognormal'"),
        ({"kind": "azure-conv-2023", "max_prompt_tokens": 0}, "in tokens and must be from 1 to"),
    ],
)
def test_bad_lengths_are_rejected(options, message):
    with pytest.raises(ValidationError, match=message):
        LengthsConfig(**{**LIMITS, **options})


def test_the_limits_are_required():
    with pytest.raises(ValidationError, match="max_output_tokens"):
        LengthsConfig(kind="azure-conv-2023", max_prompt_tokens=100)


def test_the_key_tables_name_every_choice_and_every_key():
    """A key in neither table would be accepted for every kind and used by none."""
    always = {"process", "kind", "max_prompt_tokens", "max_output_tokens", "prediction"}
    for config, chooser, table in ((ArrivalsConfig, "process", ARRIVAL_KEYS), (LengthsConfig, "kind", LENGTH_KEYS)):
        fields = config.model_fields
        assert set(fields[chooser].annotation.__args__) == set(table)
        assert {key for keys in table.values() for key in (*keys.needed, *keys.optional)} == set(fields) - always


def test_sections_are_frozen_and_pickle():
    section = ArrivalsConfig(process="poisson", rate_per_s=1)
    with pytest.raises(ValidationError, match="frozen"):
        section.rate_per_s = 2.0
    assert pickle.loads(pickle.dumps(section)) == section


@pytest.mark.parametrize("name", ["azure-conv-2023", "azure-code-2023"])
def test_a_published_workload_pickles_and_repeats(name):
    workload = built({"process": name}, {"kind": name})
    copy = pickle.loads(pickle.dumps(workload))
    for one, other in zip(*(w.draw(np.random.default_rng(1), 60.0) for w in (workload, copy)), strict=True):
        np.testing.assert_array_equal(one, other)
