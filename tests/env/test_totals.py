"""Totals and expiries in `info`: conservation from reset to reset, for single and vector environments."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sim.outcomes import EXPIRED, REFUSED_UPLINK, WAITING
from tests.equality import assert_same
from tests.sim.totals_by_hand import check_totals

ROWS, HORIZON, STEPS = 3, 5, 13
TIGHT = {
    "horizon_epochs": HORIZON,
    "arrivals": {"process": "poisson", "rate_per_s": 6.0},
    "requests.budget_s": [0.3, 12.0],
    "requests.budget_per_output_token_s": 0.0,
}
"""Requests arrive too late to be served, wait in vain, and stay hidden."""
POOLED = {"slots": 8}


def settings(environment: str) -> dict:
    return TIGHT if "EarlyExit" in environment else TIGHT | POOLED


def row(tree, index: int):
    """One row of a nested info, without masks."""
    if isinstance(tree, dict):
        return {key: row(value, index) for key, value in tree.items() if not key.startswith("_")}
    return tree[index]


def sparse_actions(envs, rng):
    """Random actions in which half of the slots wait."""
    actions = envs.action_space.sample()
    if "batch" in actions:
        actions["batch"] = actions["batch"] * (rng.random(actions["batch"].shape) < 0.5)
    return actions


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_totals_are_those_of_the_reset_and_the_steps_and_account_for_every_request(environment):
    envs = gymnasium.make_vec(
        environment, num_envs=ROWS, vectorization_mode="vector_entry_point", overrides=settings(environment)
    )
    _, infos = envs.reset(seed=1)
    envs.action_space.seed(0)
    rng, history, expired_at_reset, expired_without_slot = np.random.default_rng(0), {}, 0.0, 0.0
    for index in range(ROWS):
        history[index] = [row(infos["metrics"], index)]
    for step in range(STEPS):
        if step == 2:  # from now on row 1 ends in other steps than the others
            _, infos = envs.reset(options={"reset_mask": np.array([False, True, False])})
            history[1] = [row(infos["metrics"], 1)]
            assert infos["_metrics"].tolist() == infos["_totals"].tolist() == [False, True, False]
        *_, truncated, infos = envs.step(sparse_actions(envs, rng))
        for index in range(ROWS):
            own = row(infos["final_info"] if truncated[index] else infos, index)
            history[index].append(own["metrics"])
            check_totals(own["totals"], history[index])
            if "slots" in own:
                check_expired(own["slots"], own["metrics"]["expired"])
                expired_without_slot += own["metrics"]["expired"] - own["slots"]["expired"].sum()
            if truncated[index]:
                assert len(history[index]) == HORIZON + 1
                history[index] = [row(infos["metrics"], index)]
                check_totals(row(infos["totals"], index), history[index])
                expired_at_reset += infos["metrics"].get("expired", np.zeros(ROWS))[index]
        assert infos["_metrics"].all()
        assert infos["_totals"].all()
        assert infos["_rewards"].all()
        assert all((term[truncated] == 0.0).all() for name, term in infos["rewards"].items() if name[0] != "_")
    if "EarlyExit" not in environment:
        assert expired_at_reset > 0
        assert expired_without_slot > 0


def check_expired(slots: dict, expired: float) -> None:
    """Only requests that waited or were refused expire; others of the metric have no slot."""
    outcome = slots["outcome"][slots["expired"]]
    assert ((outcome == WAITING) | (outcome >= REFUSED_UPLINK)).all()
    assert (slots["latency_s"][slots["expired"]] == 0.0).all()
    assert slots["expired"].sum() <= expired


@pytest.mark.parametrize("environment", [name for name in ENVIRONMENTS if "EarlyExit" not in name])
def test_slots_tell_exactly_which_of_their_requests_expired(environment):
    patient = settings(environment) | {"requests.budget_s": [0.3, 20.0], "slots": 24}
    env, rng = gymnasium.make(environment, overrides=patient), np.random.default_rng(3)
    env.reset(seed=5)
    env.action_space.seed(2)
    marked = kept = 0
    for _ in range(HORIZON):
        info = env.step(sparse_actions(env, rng))[-1]
        filled = info["slots"]["request"] >= 0
        request, expired = info["slots"]["request"][filled], info["slots"]["expired"]
        outcome = env.unwrapped.simulator.state.requests.outcome[0, request]
        np.testing.assert_array_equal(expired[filled], outcome == EXPIRED)
        assert not expired[~filled].any()
        marked, kept = marked + expired.sum(), kept + (outcome == WAITING).sum()
    assert marked > 0
    assert kept > 0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_infos_are_those_of_gymnasiums_vector_environment_over_automatic_resets(environment):
    overrides = settings(environment) | {"horizon_epochs": 2}
    native = gymnasium.make_vec(environment, num_envs=2, vectorization_mode="vector_entry_point", overrides=overrides)
    same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
    others = gymnasium.make_vec(
        environment, num_envs=2, vectorization_mode="sync", vector_kwargs=same_step, overrides=overrides
    )
    expected, found = others.reset(seed=7)[1], native.reset(seed=7)[1]
    native.action_space.seed(0)
    for step in range(6):
        for key in ("metrics", "totals"):
            for name in expected[key]:
                np.testing.assert_array_equal(found[key][name], expected[key][name], err_msg=f"{key}.{name}")
        assert_same(found["_metrics"], expected["_metrics"])
        if step in (2, 4):
            assert_same(
                row(found["final_info"], 0)["totals"]["arrived"], expected["final_info"]["totals"]["arrived"][0]
            )
        actions = native.action_space.sample()
        expected, found = others.step(actions)[-1], native.step(actions)[-1]
