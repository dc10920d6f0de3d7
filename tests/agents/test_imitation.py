"""Imitation: losses by hand, the labelled states, and that the agent approaches its expert."""

import json

import numpy as np
import pytest
import torch as th

from agents.evaluation import evaluate, make_envs
from agents.imitation import losses
from agents.imitation.command import clone
from agents.imitation.dagger import imitate
from agents.imitation.labels import LabellingPolicy, Labels, as_labels, collect
from agents.imitation.losses import (
    FEASIBLE,
    LEAST_WEIGHT,
    LOSSES,
    SHARPNESS,
    Terms,
    make_loss,
    number_loss,
    outranking_loss,
    ranking_loss,
    share_loss,
)
from agents.models import make_model
from agents.training import make_env, train
from edge_llm_gym.codecs import CODECS
from edge_llm_gym.experts import make_expert
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3 import DecodedPolicy, load_policy
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.settings import ConfigError


def dynamics_of(environment):
    return load_scenario(ENVIRONMENTS[environment]).dynamics


class Fixed:
    """A policy whose scores are given."""

    def __init__(self, scores: th.Tensor) -> None:
        self.scores = scores

    def get_distribution(self, tokens):
        self.distribution = th.distributions.Normal(self.scores, 1.0)
        return self


def loss_of(scores, labels, mask, links=None) -> float:
    mask = th.tensor(mask)
    pairs = th.zeros(1, 2, 2, FEASIBLE + 1)  # none is feasible, so no pair competes
    tokens = {"item_mask": mask, "pair_mask": mask.unsqueeze(2).expand(1, 2, 2), "pair": pairs}
    return float(ranking_loss(Fixed(th.tensor(scores)), tokens, th.tensor(labels), Terms(0.3, links)))


def test_the_ranking_loss_is_the_cross_entropy_of_the_choices():
    scores, labels = [[0.3, -0.2, -0.5, 0.1]], [[1.0, -1.0, -1.0, -1.0]]  # first to node 1, second waits
    logits = [np.array([0.0, 0.3, -0.2]) * SHARPNESS, np.array([0.0, -0.5, 0.1]) * SHARPNESS]
    log_probability = [logits[0][1] - np.log(np.exp(logits[0]).sum()), -np.log(np.exp(logits[1]).sum())]
    assert loss_of(scores, labels, [[1.0, 1.0]]) == pytest.approx(
        -np.average(log_probability, weights=[1.0, 0.3]), rel=1e-5
    )
    assert loss_of(scores, labels, [[1.0, 0.0]]) == pytest.approx(-log_probability[0], rel=1e-5)


def test_waiting_requests_have_the_weight_of_the_configuration(tiny, tmp_path, monkeypatch):
    weights = set()

    def loss(policy, tokens, labels, terms):
        weights.add(terms.waiting_weight)
        return ranking_loss(policy, tokens, labels, terms)

    monkeypatch.setattr(losses, "LOSSES", {"priority": loss})
    settings = {"rounds": 1, "rows": 2, "epochs_per_round": 2, "passes": 1, "waiting_weight": 0.05}
    config = tiny(imitation={"expert": "edf"} | settings)
    imitate(agent_of(config)[0].policy, config, config.imitation, tmp_path)
    assert weights == {0.05}


def test_numbers_after_the_pairs_add_their_squared_errors():
    scores, labels = [[0.3, -0.2, -0.5, 0.1]], [[1.0, -1.0, -1.0, -1.0]]
    plain = loss_of(scores, labels, [[1.0, 1.0]])
    more = loss_of([[*scores[0], 0.5, 0.0]], [[*labels[0], 0.0, 0.0]], [[1.0, 1.0]])
    assert more == pytest.approx(plain + 0.125, rel=1e-5)


def test_weights_and_thresholds_after_the_pairs_have_their_own_losses():
    rng = np.random.default_rng(0)
    scores, labels = rng.uniform(-1, 1, (2, 1, 4 + 9 + 3)).tolist()
    plain = loss_of([scores[0][:4]], [labels[0][:4]], [[1.0, 1.0]])
    of_numbers = float(number_loss(th.tensor(scores)[:, 4:], th.tensor(labels)[:, 4:], LINKS))
    assert loss_of(scores, labels, [[1.0, 1.0]], LINKS) == pytest.approx(plain + of_numbers, rel=1e-5)


def test_a_pair_outranks_the_feasible_ones_of_its_node_and_of_its_request():
    logits = np.array([[2.0, -1.0], [0.5, 3.0], [1.0, 0.0]])
    joined = np.array([[True, False], [False, False], [False, True]])
    feasible = np.array([[True, True], [True, False], [False, True]])
    first = -np.log(np.exp(2.0) / np.exp([2.0, 0.5, -1.0]).sum())  # the rival of node 1, then that of request 1
    second = -np.log(np.exp(0.0) / np.exp([0.0, -1.0]).sum())  # request 3 on node 1 is no rival: it is not feasible
    got = outranking_loss(*(th.tensor(array)[None] for array in (logits, joined, feasible)))
    assert float(got) == pytest.approx((first + second) / 2, rel=1e-6)


LINKS = th.tensor([[True, True, False], [False, True, True], [False, False, True]])
"""Senders with two, two and one link; the last one has no choice."""


def divergence(weights, wanted) -> float:
    """Kullback-Leibler divergence of the shares of some links, in plain Python."""
    weights, wanted = ([(one + 1) / 2 for one in signed] for signed in (weights, wanted))
    shares = [(weight + LEAST_WEIGHT) / sum(weight + LEAST_WEIGHT for weight in weights) for weight in weights]
    return sum(
        weight / sum(wanted) * np.log(weight / sum(wanted) / share)
        for weight, share in zip(wanted, shares, strict=True)
        if weight
    )


def test_shares_diverge_over_the_links_that_exist_and_leave_a_choice():
    weights = [[0.5, -0.5, 1.0], [0.3, 0.0, 0.8], [0.9, 0.9, -0.9]]
    wanted = [[1.0, 1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    expected = (divergence(weights[0][:2], wanted[0][:2]) + divergence(weights[1][1:], wanted[1][1:])) / 2
    assert float(share_loss(th.tensor([weights]), th.tensor([wanted]), LINKS)) == pytest.approx(expected, rel=1e-4)
    halved = [[(weight + 1) / 2 - 1 for weight in row] for row in wanted]  # the same proportions
    assert abs(float(share_loss(th.tensor([halved]), th.tensor([wanted]), LINKS))) < 3e-3


def test_numbers_with_links_are_others_shares_and_thresholds_with_a_mean_each():
    rng = np.random.default_rng(0)
    mean, labels = (th.tensor(rng.uniform(-1, 1, (4, 2 + 9 + 3)), dtype=th.float32) for _ in range(2))
    others, threshold = ((mean[:, part] - labels[:, part]).square().mean() for part in (slice(2), slice(11, None)))
    offload = share_loss(*(part[:, 2:11].view(4, 3, 3) for part in (mean, labels)), LINKS)
    assert float(number_loss(mean, labels, LINKS)) == pytest.approx(float(others + threshold + offload), rel=1e-5)
    without = number_loss(mean[:, 2:], labels[:, 2:], LINKS)
    assert float(without) == pytest.approx(float(threshold + offload), rel=1e-5)
    assert float(number_loss(mean, labels, None)) == pytest.approx(float((mean - labels).square().mean()), rel=1e-5)


def test_offload_weights_have_the_loss_of_shares_where_the_dynamics_have_them():
    assert make_loss("priority", load_scenario("multi-node"), 0.3).keywords["terms"] == Terms(0.3)
    for name, codec, senders in (("early-exit", "box", 29), ("joint", "priority", 6)):
        scenario = load_scenario(name)
        terms = make_loss(codec, scenario, 0.4).keywords["terms"]
        nodes = len(scenario.nodes)
        assert terms.waiting_weight == 0.4
        assert terms.links.shape == (senders, nodes)
        assert np.array_equal(terms.links[-nodes:], scenario.network.has_link)
        assert terms.links[:-nodes].sum() == (senders - nodes) * scenario.network.entry_nodes.size


def agent_of(config):
    env = make_env(config)
    model = make_model(config, env, env.envs.scenario)
    return model, DecodedPolicy(model.policy, env.envs, env.codec)


def test_an_encoded_action_of_the_expert_decodes_to_the_same_batch(tiny):
    config = tiny()
    _, agent = agent_of(config)
    envs = make_envs(config, 4)
    expert = make_expert("ot-gah", envs)
    observations, _ = envs.reset(seed=0)
    served = 0
    for _ in range(8):
        action, _ = expert.predict(observations)
        again = agent.codec.decode(agent.codec.encode(action, observations), observations)
        assert np.array_equal(again["batch"], action["batch"])
        served += (action["batch"] > 0).sum()
        observations, *_ = envs.step(action)
    assert served > 0


def test_the_expert_labels_the_states_that_the_actor_visits(tiny):
    config = tiny()
    _, agent = agent_of(config)
    envs, again = make_envs(config, 2), make_envs(config, 2)
    expert = make_expert("edf", envs)
    tokens, labels = collect(envs, LabellingPolicy(expert, agent, agent), epochs=5, seed=9)
    observations, _ = again.reset(seed=9)
    for state, label in zip(tokens, labels, strict=True):
        wanted, _ = expert.predict(observations)
        (expected,), (target,) = as_labels(observations, wanted, agent)
        assert all(np.array_equal(state[key], expected[key]) for key in state)
        assert np.array_equal(label, target)
        observations, *_ = again.step(agent.predict(observations, deterministic=True)[0])


def test_added_labels_are_joined():
    labels = Labels()
    for size in (2, 3):
        labels.add([{"item": np.full((size, 1), size)}], [np.full((size, 4), size)])
    tokens, actions = labels.arrays()
    assert len(labels) == 5 == len(actions) == len(tokens["item"])
    assert tokens["item"].ravel().tolist() == [2, 2, 3, 3, 3]


def test_imitation_brings_the_agent_near_its_expert(tiny, tmp_path):
    environment = {"id": "EdgeLLM/MultiNode-v0", "overrides": {"slots": 8, "horizon_epochs": 20}}
    imitation = {
        "expert": "edf", "rounds": 3, "rows": 8, "epochs_per_round": 20, "passes": 15, "batch_size": 64,
        "learning_rate": 5e-3,
    }  # fmt: skip
    config = tiny(environment=environment, imitation=imitation, policy={"width": 16, "prior": False})
    model, agent = agent_of(config)
    envs = make_envs(config, 8)
    expert = evaluate(envs, make_expert("edf", envs), 77).score.mean()
    before = evaluate(envs, agent, 77).score.mean()
    report = imitate(model.policy, config, config.imitation, tmp_path)
    after = evaluate(envs, agent, 77).score.mean()
    assert expert - after < 0.4 * (expert - before)
    assert after > 0.85 * expert
    assert [row["labels"] for row in report] == [160, 320, 480]
    assert json.loads((tmp_path / "imitation.json").read_text()) == report


def test_imitation_does_not_change_the_critic(tiny, tmp_path):
    config = tiny(imitation={"expert": "edf", "rounds": 1, "rows": 2, "epochs_per_round": 5, "passes": 2})
    model, _ = agent_of(config)
    critic = {name: tensor.clone() for name, tensor in model.policy.mlp_extractor.critic.state_dict().items()}
    actor = {name: tensor.clone() for name, tensor in model.policy.mlp_extractor.actor.state_dict().items()}
    imitate(model.policy, config, config.imitation, tmp_path)
    now = model.policy.mlp_extractor
    assert all(th.equal(tensor, now.critic.state_dict()[name]) for name, tensor in critic.items())
    assert not all(th.equal(tensor, now.actor.state_dict()[name]) for name, tensor in actor.items())


SHORT = {"expert": "edf", "rounds": 1, "rows": 2, "epochs_per_round": 2, "passes": 1}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"algorithm": "sac", "policy": {"kind": "mlp"}, "hyperparameters": {}}, "actor-critic algorithm .*got 'sac'"),
        ({"codec": {"name": "parameters"}}, "a codec among .*got 'ppo' with 'parameters'"),
        ({"policy": {"kind": "constant"}}, "reads the state, got policy.kind 'constant'; write policy: {kind: set}"),
        ({"codec": {"name": "multidiscrete"}, "policy": {"kind": "constant"}}, "reads the state"),
        ({"codec": {"name": "prices"}}, "codec 'prices' learns from expert 'rollout'"),
        ({"imitation": SHORT | {"expert": "eddf"}}, "imitation.expert: unknown .*'eddf'"),
        ({"imitation": SHORT | {"expert": "edf[energy=1]"}}, "imitation.expert: .*'energy'"),
        ({"evaluation": {"expert": "dto-ee"}}, "evaluation.expert: .*'dto-ee'"),
        ({"evaluation": {"expert": "rollout"}}, "evaluation.expert: .*'rollout'"),
    ],
)
def test_an_imitation_that_cannot_be_is_refused_before_its_folder_is_begun(tiny, tmp_path, sections, message):
    config = tiny(**({"imitation": SHORT} | sections))
    for run in (clone, train):
        with pytest.raises(ConfigError, match=message):
            run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


EXPERTS = {"EdgeLLM/SingleNode-v0": "fcfs", "EdgeLLM/EarlyExit-v0": "uniform", "EdgeLLM/Joint-v0": "fcfs+no-exit"}


@pytest.mark.parametrize("kind", ["set", "mlp"])
@pytest.mark.parametrize(
    ("environment", "codec"),
    [(name, codec) for name in EXPERTS for codec in CODECS[dynamics_of(name)] if codec in LOSSES and codec != "prices"],
)
def test_every_codec_with_a_loss_takes_networks_of_both_kinds(tiny, tmp_path, environment, codec, kind):
    sizes = {"horizon_epochs": 6} | ({"slots": 6} if dynamics_of(environment) != "streaming" else {})
    expert = EXPERTS[environment]
    config = tiny(
        environment={"id": environment, "overrides": sizes},
        codec={"name": codec},
        policy={"kind": kind, "width": 8, "hidden": [8]},
        imitation=SHORT | {"expert": expert, "rounds": 2},
        evaluation={"seeds": 2, "expert": expert},
    )
    report = clone(config, tmp_path / "run")
    agent = load_policy(tmp_path / "run" / "model.zip")
    held_out = make_envs(config, 2)
    assert evaluate(held_out, agent, config.evaluation.first_seed).mean("score") == report[-1]["score"]
