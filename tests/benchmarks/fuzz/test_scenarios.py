"""The campaign of mutated scenarios: cases repeat, faults and crashes are reported with their case."""

import sys
from collections import Counter

import numpy as np
import pytest

from benchmarks.fuzz import scenario_worker, scenarios
from benchmarks.fuzz.mutations import mutated
from benchmarks.fuzz.scenario_worker import Fault, attempt, outcome_of
from benchmarks.fuzz.tally import Options, Tally
from edge_llm_gym.scenario import ScenarioError, load_scenario


def test_a_case_repeats():
    assert [mutated(3, case)[0] for case in range(40)] == [mutated(3, case)[0] for case in range(40)]
    assert mutated(3, 1)[0] != mutated(4, 1)[0]


def test_a_part_of_the_cases_is_valid_and_every_other_one_is_refused():
    found: Counter[str] = Counter()
    for case in range(150):
        source = mutated(7, case)[1]
        try:
            scenario_worker._loaded(source)
        except ScenarioError as error:
            found["refused" if len(str(error)) < scenario_worker.LONGEST_MESSAGE else "refused at length"] += 1
        else:
            found["valid"] += 1
    assert found["valid"] > 30
    assert found["refused"] == 150 - found["valid"] > 30


def test_a_refused_scenario_is_no_fault():
    data = load_scenario("early-exit").model_dump(mode="json", exclude_unset=True)
    data["links"][1]["rate_bps"] = 1e-300
    assert outcome_of(data, 0) == "refused by ScenarioError"


def test_what_is_raised_otherwise_is_a_fault(monkeypatch):
    monkeypatch.setattr(scenario_worker, "mutated", lambda seed, case: ("note", {"name": "x"}))
    monkeypatch.setattr(scenario_worker, "load_scenario", lambda source: (_ for _ in ()).throw(KeyError("lost")))
    report = attempt(0, 0)
    assert report["outcome"] == "fault"
    assert "KeyError: 'lost'" in report["fault"]


def test_a_number_that_is_not_finite_is_a_fault():
    with pytest.raises(Fault, match=r"info\.a\.b is not finite"):
        scenario_worker._check_finite({"a": {"b": np.array([1.0, np.inf])}}, "info")


WORKER = """
import json, os, signal, sys
for case in range(int(sys.argv[1]), 4):
    print(json.dumps({"case": case, "event": "begin"}), flush=True)
    if case == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    end = {"outcome": "fault", "fault": "bad"} if case == 2 else {"outcome": "stepped"}
    print(json.dumps({"case": case, "event": "end"} | end), flush=True)
"""


def test_a_crash_is_reported_with_its_case_and_the_next_case_is_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(scenarios, "_command", lambda seed, first, *rest: [sys.executable, "-c", WORKER, str(first)])
    lane = scenarios._Lane(Options(4, 0, 1, tmp_path), {}, 0)
    lane.run()
    assert lane.tally.outcomes == Counter({"stepped": 2, "fault": 2})
    crash, fault = lane.tally.faults
    assert crash.startswith("case 1, benchmarks.fuzz.mutations.mutated(0, 1): the worker ended with -11")
    assert fault.startswith("case 2")
    assert "bad" in fault


def test_the_report_names_every_fault():
    assert Tally(Counter(stepped=3, fault=1), ["case 2: bad"]).text().endswith("4 cases, 1 faults\n\nFAULT case 2: bad")
