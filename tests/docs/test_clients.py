"""The table of outside clients is made from the results, and their sections from the pinned packages."""

import json
import sys

import pytest

from tests.docs.test_generate import CHECKOUT

pytest.importorskip("latex2mathml", reason="the generators need the extra 'docs'")
sys.path.insert(0, str(CHECKOUT / "docs"))  # as the hook of the site does

from docs._generate import clients

ENTRY = {
    "client": "sbx",
    "recipe": "sbx",
    "fault": "",
    "control": "CartPole-v1",
    "environment": "edge_llm_gym:EdgeLLM/SingleNode-Sequential-v0",
    "steps": 2000,
    "checked": "",
    "cpu_s": 3.0,
    "wall_s": 4.0,
    "returns": {"random": 70.6, "trained": 400.4, "bc": 1.0},
    "versions": {"sbx-rl": "0.28.0", "stable-baselines3": "2.9.2", "gymnasium": "1.4.0", "torch": "2.13.0"},
}


def cells(monkeypatch, tmp_path, **changes):
    path = tmp_path / "clients.json"
    path.write_text(json.dumps([ENTRY | changes]))
    monkeypatch.setattr(clients, "RESULTS", path)
    return [cell.strip() for cell in clients.client_table().splitlines()[2].strip("| ").split(" |")]


def test_a_row_has_versions_returns_and_times(monkeypatch, tmp_path):
    row = cells(monkeypatch, tmp_path)
    assert row[1:] == [
        "sbx-rl 0.28.0, stable-baselines3 2.9.2, gymnasium 1.4.0",
        "`SingleNode-Sequential`",
        "2,000",
        "71",
        "",
        "400, bc 1",
        "1.5, 2.0",
        "`CartPole-v1`",
    ]
    assert row[0] == clients.title("sbx")


def test_the_environment_has_the_settings_of_the_recipe(monkeypatch, tmp_path):
    (tmp_path / "own.py").write_text('"""Text."""\n\nID = "A"\nSETTINGS = {"codec": "box", "caps": True}\n')
    monkeypatch.setattr(clients, "RECIPES", tmp_path)
    assert cells(monkeypatch, tmp_path, recipe="own")[2] == "`SingleNode-Sequential`, `codec=box`, `caps=True`"


def test_a_failed_client_is_shown_with_its_message(monkeypatch, tmp_path):
    row = cells(monkeypatch, tmp_path, fault="status 1: KeyError: 'x'")
    assert row[6] == "failed: status 1: KeyError: 'x'"


def test_pins_that_exclude_one_another_are_two_commands():
    text = clients.client_section("cleanrl")
    assert "pip install --no-deps edge-llm-gym\n" in text
    assert "'gymnasium[classic-control]==0.29.1'" in text
    assert "pip install --no-deps d3rlpy==" in clients.client_section("d3rlpy")
    assert "pip install 'edge-llm-gym[data]' 'minari==" in clients.client_section("minari")
    assert '"""SBX: ' in clients.client_section("sbx")
