"""Commands end with status 2 and one line after errors of the user, also those of files."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from edge_llm_gym.command import run_cli

ROOT = Path(__file__).parents[1]


def loaded(name):
    """A script that is run as a file; its folder is on the path, as Python puts it there."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("status", "expected"), [(None, 0), (0, 0), (1, 1)])
def test_the_status_is_that_of_the_action(status, expected):
    assert run_cli(lambda: status) == expected


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: Path("no/such/file").read_text(), "'no/such/file': No such file or directory; check the path"),
        (lambda: int("x"), "invalid literal"),
        (lambda: [] + 1, "can only concatenate list"),
    ],
)
def test_errors_of_the_user_are_one_line(action, message, capsys):
    assert run_cli(action) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_cli(lambda: 1 / 0)


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("fit_published_workload", ["azure-conv-2023", "no-such.csv", "--output", "out"]),
        ("fit_published_workload", ["azure-conv-2023", "file", "--output", "file/out"]),
        ("plot_exit_profile", ["no-such.npz", "--out", "out"]),
        ("plot_exit_profile", ["code-lines", "--out", "file/out"]),
    ],
)
def test_scripts_name_files_that_they_cannot_read_or_write(script, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    (tmp_path / "file").write_text("")
    assert loaded(script).main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert any(name in line for name in ("no-such.csv", "no-such.npz", "file/out"))


def test_a_script_with_the_options_of_typer_prints_one_line(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "fit_shipped_profile.py"), "no-such.csv"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
