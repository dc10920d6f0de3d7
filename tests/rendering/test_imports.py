"""What rendering loads and when, each in a fresh interpreter."""

import subprocess
import sys

import pytest

from edge_llm_gym.rendering import render_row

SIMULATOR = """
import sys
import numpy as np
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.simulator import Simulator
simulator = Simulator(load_scenario({scenario!r}))
simulator.reset(0, np.random.default_rng(0))
"""
SCENARIOS = ["single-node", "early-exit", "joint"]


def run(code: str) -> str:
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_importing_loads_no_drawing_library():
    loaded = run("import sys, edge_llm_gym.rendering; print('PIL' in sys.modules, 'matplotlib' in sys.modules)")
    assert loaded == "False False"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_text_needs_no_drawing_library(scenario):
    block = "sys.modules['PIL'] = sys.modules['matplotlib'] = None\n"
    show = "from edge_llm_gym.rendering import render_row\nprint(render_row(simulator, 0, None, 'ansi'))"
    assert scenario in run(SIMULATOR.format(scenario=scenario) + block + show)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(
    ("library", "call"),
    [
        ("PIL", "edge_llm_gym.rendering.render_row(simulator, 0, None, 'rgb_array')"),
        ("matplotlib", "edge_llm_gym.rendering.timeline.episode_timeline(simulator, 0)"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(scenario, library, call):
    attempt = f"""
import edge_llm_gym.rendering.timeline
for name in [name for name in sys.modules if name.split(".")[0] == {library!r}]:
    del sys.modules[name]
sys.modules[{library!r}] = None
try:
    {call}
except ImportError as error:
    print(error)
"""
    assert "edge-llm-gym[plots]" in run(SIMULATOR.format(scenario=scenario) + attempt)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_figures_leave_pyplot_alone(scenario):
    draw = """
from edge_llm_gym.rendering.timeline import episode_timeline
episode_timeline(simulator, 0)
print("matplotlib.pyplot" in sys.modules)
"""
    assert run(SIMULATOR.format(scenario=scenario) + draw) == "False"


def test_unknown_modes_are_refused(tiny):
    with pytest.raises(ValueError, match=r"unknown render mode 'rgb'; did you mean 'rgb_array'\?"):
        render_row(tiny, 0, None, "rgb")
