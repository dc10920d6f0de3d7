"""The script behind the shipped tables: run again on the traces, and on a process whose answer is known."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

from edge_llm_gym.workload.arrivals import ModulatedPoisson, Modulation
from edge_llm_gym.workload.traces import Trace

FOLDER = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("fit_published", FOLDER / "scripts/fit_published_workload.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_process_is_found_again(script):
    known = ModulatedPoisson(4.0, (Modulation(2.0, 0.8), Modulation(40.0, 0.5)))
    arrival_s = known.draw(np.random.default_rng(3), 40_000.0)
    ones = np.ones(arrival_s.size, np.int64)
    found = script.fit_dispersion(Trace("known", arrival_s - arrival_s[0], ones, ones), (1.0, 100.0))
    for seen, true in zip(found.modulations, known.modulations, strict=True):
        assert seen.timescale_s == pytest.approx(true.timescale_s, rel=0.25)
        assert seen.variance == pytest.approx(true.variance, rel=0.25)


@pytest.mark.parametrize("kind", ["conv", "code"])
def test_the_shipped_table_is_what_the_script_writes(script, azure_trace, tmp_path, kind):
    name = f"azure-{kind}-2023"
    assert script.main([name, str(azure_trace(kind)), "--output", str(tmp_path)]) == 0
    again = yaml.safe_load((tmp_path / f"{name}.yaml").read_text())
    shipped = yaml.safe_load((FOLDER / f"edge_llm_gym/workload/published/{name}.yaml").read_text())
    for mine, theirs in zip(again.pop("modulations"), shipped.pop("modulations"), strict=True):
        assert mine == pytest.approx(theirs, rel=0.02, abs=0.02)
    assert again == shipped
