"""Experts of batching-and-routing dynamics through `predict`: valid actions, no refusals, state, names and errors."""

from itertools import pairwise

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.evaluation import compare
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.outcomes import REFUSED_UPLINK
from tests.decoding.two_stages import SCENARIO, observed_after
from tests.equality import assert_same
from tests.experts.predictions import assert_actions_fit_single_and_batched

ENVIRONMENT = "EdgeLLM/Joint-v0"
BATCHERS = ("ot-gah", "dftsp", "sjf", "edf", "fcfs")
ROUTERS = ("dto-ee", "fixed-threshold", "no-exit")
NAMES = ("random", *BATCHERS, *(f"{batcher}+{router}" for router in ROUTERS for batcher in BATCHERS))
SOME = ("random", "sjf", "ot-gah+dto-ee", "edf+fixed-threshold", "dftsp+no-exit")


@pytest.mark.parametrize("name", SOME)
def test_actions_lie_in_the_action_space_single_and_batched(name):
    assert_actions_fit_single_and_batched(ENVIRONMENT, name, epochs=3)


@pytest.mark.parametrize("name", [name for name in SOME if name != "random"])
def test_no_request_is_refused_and_offload_weights_are_on_existing_links(name):
    env = gymnasium.make(ENVIRONMENT, overrides={"horizon_epochs": 40})
    expert, exists = make_expert(name, env), env.unwrapped.scenario.network.has_link
    observation, _ = env.reset(seed=1)
    state, truncated = None, False
    while not truncated:
        action, state = expert.predict(observation, state)
        assert (action["offload"][~exists] == 0).all()
        observation, _, _, truncated, info = env.step(action)
        assert (info["slots"]["outcome"] < REFUSED_UPLINK).all()
    assert info["totals"]["requested"] == info["totals"]["admitted"] > 50


def test_the_composite_serves_more_than_its_parts_and_random():
    policies = ["ot-gah+dto-ee", "ot-gah", "fcfs+dto-ee", "random"]
    table = compare(ENVIRONMENT, policies, seeds=range(3), overrides={"horizon_epochs": 25})
    served = {policy: table.samples(policy, "served_value").mean() for policy in policies}
    assert served["ot-gah+dto-ee"] > 1.5 * served["random"]
    assert served["ot-gah+dto-ee"] > max(served["ot-gah"], served["fcfs+dto-ee"])


def test_an_empty_queue_gives_an_empty_batch():
    env = gymnasium.make(ENVIRONMENT, overrides={"arrivals": {"process": "poisson", "rate_per_s": 1e-6}})
    for name in SOME[1:]:
        observation, _ = env.reset(seed=0)
        assert not observation["request_mask"].any()
        expert, state = make_expert(name, env), None
        for _ in range(3):
            action, state = expert.predict(observation, state)
            assert not action["batch"].any()
            observation, *_ = env.step(action)


def test_state_is_renewed_with_the_episode_and_its_length_is_checked():
    env = gymnasium.make(ENVIRONMENT)
    expert = make_expert("sjf+dto-ee", env)
    first, _ = env.reset(seed=0)
    action, state = expert.predict(first)
    second, *_ = env.step(action)
    _, later = expert.predict(second, state)
    anew, _ = expert.predict(first, later, episode_start=np.ones(1, np.bool_))
    assert_same(anew, action)
    with pytest.raises(ValueError, match="memory of 1 rows, got 2"):
        expert.predict(first, state * 2)


def test_plans_hold_for_replan_every_epochs():
    env = gymnasium.make(ENVIRONMENT)
    expert, state, plans = make_expert("fcfs", env, replan_every=3), None, []
    observation, _ = env.reset(seed=0)
    for _ in range(7):
        action, state = expert.predict(observation, state)
        plans.append(state[0].plan)
        observation, *_ = env.step(action)
    assert [before is not after for before, after in pairwise(plans)] == [False, False, True, False, False, True]


def test_names_depend_on_the_dynamics():
    assert set(NAMES) <= set(expert_names(SCENARIO))
    assert not {"dto-ee", "milp"} & set(expert_names(SCENARIO))
    assert "ot-gah+dto-ee" not in expert_names(load_scenario("multi-node"))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: make_expert("ot-gah+dtoee", SCENARIO), ValueError, r"did you mean 'ot-gah\+dto-ee'"),
        (
            lambda: make_expert("dto-ee", SCENARIO),
            ValueError,
            "does not serve dynamics 'batching_routing' .* random, ot-gah",
        ),
        (lambda: make_expert("sjf", load_scenario("early-exit")), ValueError, "does not serve dynamics 'streaming'"),
        (lambda: make_expert("sjf", SCENARIO, treshold=0.5), TypeError, "did you mean 'threshold'"),
        (lambda: make_expert("sjf+dto-ee", SCENARIO, threshold=0.5), TypeError, "no setting 'threshold'"),
        (lambda: make_expert("sjf", SCENARIO, threshold=2.0), ValueError, r"at most 1 \(a confidence\), got 2.0"),
        (lambda: make_expert("edf+dto-ee", SCENARIO, node_rul="x"), TypeError, "did you mean 'node_rule'"),
        (lambda: make_expert("sjf", SCENARIO, replan_every=0), ValueError, "replan_every must be at least 1, got 0"),
        (lambda: make_expert("sjf", SCENARIO, overrun_s=-1.0), ValueError, "overrun_s must be zero or more, got -1.0"),
        (lambda: make_expert("random", SCENARIO, threshold=0.5), TypeError, "no setting 'threshold'"),
        (lambda: make_expert("sjf", one_stage()), ValueError, "plan for two stages, got scenario 'multi-node' .* 1"),
    ],
)
def test_misuse_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def one_stage():
    exits = {"profile": "parametric", "blocks": [8, 8, 8, 8]}
    return load_scenario("multi-node", {"dynamics": "batching_routing", "exits": exits})


def test_an_observation_of_another_scenario_is_refused():
    _, observation = observed_after(0, slots=8)
    with pytest.raises(
        ValueError, match=r"was made for scenario 'joint' with request_mask of shape \(32,\), got \(8,\)"
    ):
        make_expert("sjf", SCENARIO).predict(observation)
    nodes = SCENARIO.model_dump(mode="json", exclude_unset=True)["nodes"][:5]
    links = [link.model_dump() for link in SCENARIO.links if link.target == "deep-8bit"]
    _, observation = observed_after(0, nodes=nodes, links=links)
    with pytest.raises(ValueError, match=r"with links of shape \(6, 6, 3\), got \(5, 5, 3\)"):
        make_expert("sjf", SCENARIO).predict(observation)
