"""Environments are made by uv, used again while nothing changes, and made anew otherwise; no network is used here."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.clients import __main__ as command
from benchmarks.clients import venvs
from benchmarks.clients.clients import CLIENTS, OWN, Client, Recipe, Repository
from benchmarks.clients.repositories import ensure_clone, place_files
from benchmarks.clients.results import keep, read
from benchmarks.clients.trials import Trial

PLAIN = Client(("lib==1.0",), (Recipe("lean"),), extras="data")
OLD = Client(("gymnasium==0.29.1",), (), excludes_ours=True, unresolved=("other==2.0",))


def test_packages_and_this_one_are_resolved_together():
    make, install = venvs.install_commands("uv", Path("/v"), PLAIN, Path("/c.txt"))
    assert make == ["uv", "venv", "--quiet", "--python", sys.executable, "/v"]
    assert install[-5:] == ["--constraints", "/c.txt", "lib==1.0", "--editable", f"{venvs.ROOT}[data]"]
    assert "--no-deps" not in install


def test_pins_that_exclude_one_another_are_installed_apart():
    _, first, ours, other = venvs.install_commands("uv", Path("/v"), OLD, Path("/c.txt"))
    assert first[-1 - len(OWN) :] == ["gymnasium==0.29.1", *OWN]
    assert ours[-3:] == ["--no-deps", "--editable", str(venvs.ROOT)]
    assert other[-2:] == ["--no-deps", "other==2.0"]


def test_own_requirements_are_complete():
    """What is named where this package is installed without its dependencies."""
    required = tomllib.loads((venvs.ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert set(OWN) == {line.partition(">")[0] for line in required} - {"gymnasium"}


def test_shared_packages_have_the_versions_of_the_constraints():
    assert {pin.partition("==")[0] for pin in venvs.pins()} == set(venvs.SHARED)


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """A program in place of uv that notes how it is called, and fails where a package is called `broken`."""
    log, program = tmp_path / "calls.txt", tmp_path / "bin" / "uv"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n'
        'case "$*" in *broken*) echo "no version of broken" >&2; exit 1;; esac\n'
        '[ "$1" = venv ] && for place; do :; done && mkdir -p "$place/bin"\nexit 0\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(venvs, "uv", lambda: str(program))
    return lambda: log.read_text().splitlines()


def test_an_environment_is_made_once_and_anew_when_its_packages_change(uv, tmp_path):
    python = venvs.ensure_venv("own", PLAIN, tmp_path)
    assert python == tmp_path / "own" / "venv" / "bin" / "python"
    assert len(uv()) == 2
    venvs.ensure_venv("own", PLAIN, tmp_path)
    assert len(uv()) == 2
    venvs.ensure_venv("own", Client(("lib==1.1",), ()), tmp_path)
    assert len(uv()) == 4
    venvs.remove_venv("own", tmp_path)
    assert not python.parent.exists()


def test_a_failed_installation_is_tried_again(uv, tmp_path):
    for calls in (2, 4):
        with pytest.raises(venvs.InstallError, match=r"client 'own' cannot be made: (?s:.*)no version of broken"):
            venvs.ensure_venv("own", Client(("broken==1.0",), ()), tmp_path)
        assert len(uv()) == calls


def test_a_missing_uv_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(venvs.InstallError, match=r"pip install 'edge-llm-gym\[clients\]'"):
        venvs.uv()


@pytest.fixture
def repository(tmp_path):
    """A repository with a file that has changed since the commit of the table."""
    origin = tmp_path / "origin"
    origin.mkdir()

    def git(*words):
        identity = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(["git", *words], cwd=origin, env=os.environ | identity, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "--quiet")
    for text in ("then", "now"):
        (origin / "code.py").write_text(text)
        git("add", "code.py")
        git("commit", "--quiet", "--message", text)
    return Repository(str(origin), git("rev-parse", "HEAD~1"), ("code.py",))


def test_files_are_those_of_the_commit(repository, tmp_path):
    clone = ensure_clone(repository, tmp_path / "clone")
    place_files(repository, clone, tmp_path)
    assert (tmp_path / "code.py").read_text() == "then"
    missing = Repository(repository.url, repository.commit, ("lost.py",))
    with pytest.raises(venvs.InstallError, match=r"git --git-dir: .*lost\.py"):
        place_files(missing, clone, tmp_path)


def test_a_repository_out_of_reach_can_be_named_as_a_copy(repository, tmp_path):
    away = Repository(str(tmp_path / "nowhere"), repository.commit, repository.files)
    with pytest.raises(venvs.InstallError, match=r"name the copy: --repository NAME=PATH"):
        ensure_clone(away, tmp_path / "clone")
    assert ensure_clone(away, tmp_path / "clone", repository.url).is_dir()


def test_results_of_other_recipes_stay_and_keep_their_order(tmp_path):
    path = tmp_path / "clients.json"
    keep(path, [Trial("sbx", "sbx", line={"versions": {"sbx-rl": "1", "gymnasium": "2", "tqdm": "3"}})])
    keep(path, [Trial("sb3", "sb3_ppo", "broke"), Trial("cleanrl", "cleanrl_ppo")])
    keep(path, [Trial("sb3", "sb3_ppo")])
    assert [entry["recipe"] for entry in read(path)] == ["sb3_ppo", "sbx", "cleanrl_ppo"]
    assert [entry["fault"] for entry in read(path)] == ["", "", ""]
    assert read(path)[1]["versions"] == {"sbx-rl": "1", "gymnasium": "2"}
    assert read(path)[2]["versions"] == {"cleanrl": CLIENTS["cleanrl"].repository.commit[:7]}


def test_every_package_is_pinned_or_a_dependency():
    for name, client in CLIENTS.items():
        assert any("==" in package for package in (*client.packages, *client.unresolved)), name


@pytest.fixture
def two_clients(monkeypatch):
    """A client that works, and one whose environment cannot be made."""
    works, broken = Client(("lib==1.0",), (Recipe("sbx"),)), Client(("broken==1.0",), (Recipe("rllib"),))
    monkeypatch.setattr(command, "CLIENTS", {"sbx": works, "rllib": broken})
    line = {"returns": {"random": 1.0, "trained": 2.0}, "cpu_s": 3.0, "checked": "", "versions": {}}
    monkeypatch.setattr(command, "try_recipe", lambda name, recipe, *_: Trial(name, recipe.name, line=line))


@pytest.mark.usefixtures("uv", "two_clients")
def test_a_failing_client_gives_a_line_and_status_1(tmp_path, capsys):
    folder = ["--folder", str(tmp_path / "runs")]
    assert command.main(["sbx", *folder]) == 0
    assert " ".join(capsys.readouterr().out.split()) == "sbx 3.0 s of CPU time; random 1.0, trained 2.0"
    assert command.main([*folder, "--remove"]) == 1
    assert "rllib                    FAILED: the environment of client 'rllib'" in capsys.readouterr().out
    entries = json.loads((tmp_path / "runs" / "clients.json").read_text())
    assert [bool(entry["fault"]) for entry in entries] == [False, True]
    assert not (tmp_path / "runs" / "sbx" / "venv").exists()
