"""Compiled code is kept only as long as all sources that it was compiled from stay as they are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import edge_llm_gym
from edge_llm_gym.compiled import sources

PACKAGE = Path(edge_llm_gym.__file__).parent
FILES = {
    "top.py": "from pkg.low import (\n    number,\n    other,\n)\nfrom pkg import beside\nimport pkg.whole.part\n",
    "low.py": "import os\nfrom pkg.deepest import VALUE\n",
    "deepest.py": "VALUE = 1\n",
    "beside.py": "",
    "whole/__init__.py": "",
    "whole/part.py": "def late():\n    from pkg.unused import nothing\n",
    "unused.py": "",
}
ENTRY = """
from edge_llm_gym.compiled import njit
from pkg.callee import added, OFFSET

@njit(cache=True)
def entry(number):
    return added(number) + OFFSET

print(entry(10), sum(entry.stats.cache_hits.values()))
"""
CALLEE = """
from edge_llm_gym.compiled import kernel

OFFSET = {offset}

@kernel
def added(number):
    return number + {added}
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the files above in place of this project's."""
    folder = tmp_path / "pkg"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    monkeypatch.setattr(
        sources, "IMPORT", re.compile(sources.IMPORT.pattern.replace(sources.PACKAGE, "pkg"), re.MULTILINE)
    )
    return folder


def digest(file: Path) -> str:
    """The digest as a new process finds it."""
    for remembered in vars(sources).values():
        if hasattr(remembered, "cache_clear"):
            remembered.cache_clear()
    return sources.source_digest(file)


@pytest.mark.parametrize("changed", ["top.py", "low.py", "deepest.py", "beside.py", "whole/part.py"])
def test_a_digest_changes_with_every_module_that_is_reached(package, changed):
    before = digest(package / "top.py")
    assert digest(package / "top.py") == before
    (package / changed).write_text(FILES[changed] + "# changed\n")
    assert digest(package / "top.py") != before


@pytest.mark.parametrize("changed", ["unused.py", "top.py"])
def test_other_modules_do_not_matter(package, changed):
    """`low` does not import `top`, and what a function imports does not reach compiled code."""
    start = package / ("top.py" if changed == "unused.py" else "low.py")
    before = digest(start)
    (package / changed).write_text("# changed\n")
    assert digest(start) == before


def test_the_kernels_of_the_simulator_depend_on_what_they_call():
    reached = {str(path.relative_to(PACKAGE)) for path in sources._reachable(PACKAGE / "sim/pooled/transition.py")}
    assert {"sim/pooled/queue.py", "sim/cost_kernels.py", "sim/columns.py", "compiled/linking.py"} <= reached
    assert not [name for name in reached if name.startswith(("solvers/", "rendering/", "cli/"))]


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_a_changed_callee_or_constant_is_compiled_anew(tmp_path):
    """Four processes: compiled, loaded, and compiled anew after a change of the callee and of a constant."""
    folder = tmp_path / "pkg"
    folder.mkdir()
    (folder / "entry.py").write_text(ENTRY)
    code = (
        "import re, sys, pathlib; from edge_llm_gym.compiled import sources; sources.ROOT = pathlib.Path(sys.argv[1]);"
        "sources.IMPORT = re.compile(sources.IMPORT.pattern.replace('edge_llm_gym', 'pkg'), re.M); import pkg.entry"
    )
    path = os.pathsep.join([str(tmp_path), str(PACKAGE.parent)])
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": path}

    def run(**values: int) -> list[str]:
        (folder / "callee.py").write_text(CALLEE.format(**values))
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert run(added=1, offset=100) == ["111", "0"]
    assert run(added=1, offset=100) == ["111", "1"]
    assert run(added=2, offset=100) == ["112", "0"]
    assert run(added=2, offset=300) == ["312", "0"]
