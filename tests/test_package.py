"""The package as it is installed: what importing it loads, what its wheel holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import edge_llm_gym

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "stable_baselines3", "scipy.stats", "matplotlib", "numba", "PIL", "pandas", "typer")
HEAVY += ("yaml", "edge_llm_gym.models")


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, edge_llm_gym; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "[]"


def test_single_environments_load_no_vector_environment():
    """They work with Gymnasium 0.29, whose vector environments are others; clients that pin it install them by hand."""
    name, rows = (
        "EdgeLLM/SingleNode-Flat-v0",
        "('env.vector_env', 'env.autoreset', 'codecs.wrappers.vector_flat_action')",
    )
    code = f"import sys, gymnasium, edge_llm_gym; gymnasium.make({name!r}); "
    code += f"print([each for each in {rows} if 'edge_llm_gym.' + each in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "[]"


def test_public_names_are_found_on_use():
    for name in edge_llm_gym.__all__:
        assert getattr(edge_llm_gym, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        edge_llm_gym.nothing  # noqa: B018


def test_the_wheel_holds_the_package_alone_with_its_data(tmp_path):
    builder = pytest.importorskip("hatchling.builders.wheel", reason="needs hatchling").WheelBuilder(str(ROOT))
    (wheel,) = builder.build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"edge_llm_gym"}
    assert "edge_llm_gym/scenario/shipped/multi-node.yaml" in names
    assert "edge_llm_gym/workload/published/azure-conv-2023.yaml" in names
    assert {f"edge_llm_gym/models/catalogue/{kind}.yaml" for kind in ("hardware", "models", "quantization")} <= set(
        names
    )
    assert not [name for name in names if "__pycache__" in name]
