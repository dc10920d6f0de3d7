"""Workers: which there are, what they refuse, and that results do not depend on them."""

import sys

import pytest

from agents.search import SearchConfig, search
from edge_llm_gym.evaluation import Workers, compare
from edge_llm_gym.evaluation.calibration import binding_shares
from edge_llm_gym.evaluation.worker_code import WorkerCode
from edge_llm_gym.evaluation.workers import BACKENDS, in_workers, workers_of

TINY = {"generations": 2, "population": 4, "elite": 2, "rows": 2, "held_out": 1, "environment": "EdgeLLM/MultiNode-v0"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "at least 1, or -1 for all CPUs, got 0"),
        ((-2,), "at least 1, or -1 for all CPUs, got -2"),
        ((2, "rai"), "unknown backend 'rai'; did you mean 'ray'"),
        ((2, "loky", "head:6379"), "only backend 'ray' takes the address.*got address 'head:6379'.*'loky'"),
    ],
)
def test_workers_that_do_not_exist_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Workers(*arguments)


def test_a_number_stands_for_processes_of_this_machine():
    assert workers_of(3) == Workers(3, "loky")
    assert [Workers(1).in_this_process, Workers(2).in_this_process, Workers(1, "ray").in_this_process] == [1, 0, 0]
    assert Workers(1).count() == 1
    assert Workers(-1).count() >= 1


def test_no_jobs_need_no_workers(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert list(in_workers(abs, [], Workers(2, "ray"))) == []


def test_one_process_runs_jobs_in_their_order_when_they_are_asked_for():
    begun = []
    results = in_workers(begun.append, [3, 1, 2], 1)
    assert begun == []
    assert list(results) == [None] * 3
    assert begun == [3, 1, 2]


@pytest.mark.parametrize(("backend", "module", "extra"), [("ray", "ray", "ray"), ("loky", "joblib", "parallel")])
def test_a_missing_package_is_named_with_the_extra_that_has_it(backend, module, extra, monkeypatch):
    monkeypatch.delitem(sys.modules, "edge_llm_gym.evaluation.ray_workers", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'edge-llm-gym\[{extra}\]'"):
        compare("EdgeLLM/SingleNode-v0", ["edf"], range(2), jobs=Workers(2, backend))


def test_every_backend_is_a_way_to_run_jobs():
    assert set(BACKENDS) == {"loky", "ray"}


def test_what_a_search_finds_does_not_depend_on_its_workers():
    alone, shared = search(SearchConfig(**TINY)), search(SearchConfig(**TINY), jobs=2)
    assert alone.parameters.tolist() == shared.parameters.tolist()


def test_binding_resources_do_not_depend_on_workers():
    settings = {"overrides": {"horizon_epochs": 5}}
    alone, shared = (binding_shares("EdgeLLM/SingleNode-v0", "edf", range(2), settings, jobs=jobs) for jobs in (1, 2))
    assert alone == shared


def test_a_worker_finds_the_modules_of_the_process_that_sends_jobs(tmp_path, monkeypatch):
    (tmp_path / "only_there.py").write_text("ANSWER = 3\n")
    absent = str(tmp_path / "absent")
    monkeypatch.setattr(sys, "path", [str(tmp_path), absent, *sys.path])
    code = WorkerCode.here()
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in (str(tmp_path), absent)])
    code.prepare()
    assert sys.path[-1] == str(tmp_path)
    code.prepare()
    assert sys.path.count(str(tmp_path)) == 1


def test_a_worker_with_other_versions_is_refused():
    here = WorkerCode.here()
    names = [name for name, _ in here.versions]
    assert {"edge-llm-gym", "Python", "numpy", "numba"} <= set(names)
    other = WorkerCode((), tuple((name, "0.1" if name == "numba" else version) for name, version in here.versions))
    with pytest.raises(ValueError, match=r"has numba \S+ instead of 0\.1, .*install the same versions"):
        other.prepare()
