"""Labels from lookahead, the loss on them, and that a network learns to predict their gains."""

import numpy as np
import pytest
import torch as th

from agents.config import read_config
from agents.evaluation import make_envs
from agents.imitation import lookahead
from agents.imitation.dagger import imitate
from agents.imitation.fitting import Fit
from agents.imitation.labels import Labels, collect
from agents.imitation.lookahead import LookaheadLabels
from agents.imitation.losses import Terms, make_loss, net_prices, price_loss
from agents.models import make_model
from agents.training import make_env
from edge_llm_gym.codecs.parameters import SPAN
from edge_llm_gym.linear.neighbours import net_values
from edge_llm_gym.sb3 import DecodedPolicy
from edge_llm_gym.sb3.pretrained import trained_scenario
from edge_llm_gym.settings import ConfigError

EXPERT = "rollout[horizon=2;futures=3;candidates=4]"
BASE = {
    "environment": {"id": "EdgeLLM/MultiNode-v0", "overrides": {"slots": 8, "horizon_epochs": 12}},
    "codec": {"name": "prices", "settings": {"candidates": 4}},
    "policy": {"prior": False, "width": 8},
    "imitation": {"expert": EXPERT, "rounds": 1, "rows": 2, "epochs_per_round": 5, "passes": 2, "batch_size": 8},
    "evaluation": {"seeds": 2, "expert": "fcfs"},
    "rows": 2,
    "steps": 0,
}


def labelled(round_=0, **changes):
    config = read_config(BASE, changes)
    envs = make_envs(config, config.imitation.rows)
    policy = make_model(config, make_env(config), envs.scenario).policy
    agent = DecodedPolicy(policy, envs, config.codec.name, **config.codec.settings)
    labelling = LookaheadLabels(envs, agent, config.imitation, round_)
    tokens, labels = collect(envs, labelling, config.imitation.epochs_per_round, seed=3)
    return config, policy, agent, tokens, labels


def test_labels_hold_the_gains_over_the_linear_policy():
    _, _, _, tokens, labels = labelled()
    assert [array.shape for array in labels] == [(2, 4, 2)] * 5
    gains = np.concatenate(labels)
    assert not gains[:, 0].any()
    batches = np.concatenate([part["batches"] for part in tokens])
    equal = (batches == batches[:, :1]).all(axis=2)
    assert equal[:, 1:].any()
    assert not equal.all()
    np.testing.assert_array_equal(gains[equal], 0.0)  # the same futures for all actions
    assert gains[~equal, 0].any()


@pytest.mark.parametrize("best_share", [0.0, 1.0])
def test_the_agents_own_action_is_tried_in_later_rounds(best_share, monkeypatch):
    monkeypatch.setattr(lookahead, "BEST_SHARE", best_share)
    config, policy, _, _, _ = labelled()
    envs = make_envs(config, 2)
    agent = DecodedPolicy(policy, envs, config.codec.name, **config.codec.settings)
    labelling = LookaheadLabels(envs, agent, config.imitation, 1)
    observation, _ = envs.reset(seed=3)
    taken = []
    for _ in range(6):
        own, _ = agent.predict(observation, deterministic=True)
        action, _ = labelling.predict(observation)
        np.testing.assert_array_equal(labelling.tokens[-1]["batches"][:, 1], own["batch"])
        taken.append((action["batch"] == own["batch"]).all())
        observation, *_ = envs.step(action)
    assert all(taken) == (best_share == 0.0)


def test_predicted_net_values_are_those_of_the_codec():
    _, _, agent, tokens, _ = labelled()
    rng, state = np.random.default_rng(0), tokens[-1]
    mean = rng.uniform(-0.2, 0.2, (2, *agent.codec.space.shape)).astype(np.float32)
    found = net_prices(th.as_tensor(mean), {key: th.as_tensor(array) for key, array in state.items()}).numpy()
    pairs, nodes = np.split(np.exp(SPAN * mean), [state["price"][0].size], axis=1)
    price = state["price"] * pairs.reshape(state["price"].shape)
    expected = net_values(state["batches"].astype(int), state["overtime_s"], price, state["node_time_price"] * nodes)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


class Silent:
    """A policy that corrects no price."""

    def get_distribution(self, tokens):
        self.distribution = th.distributions.Normal(th.zeros(len(tokens["item"]), 8 * 4 + 4), 1.0)
        return self


def test_the_loss_weighs_errors_by_their_noise():
    _, _, _, tokens, _ = labelled()
    state = {key: th.as_tensor(array) for key, array in tokens[-1].items()}
    net = net_prices(th.zeros(2, 36), state)
    exact = th.stack([net - net[:, :1], th.full_like(net, 0.5)], dim=2)
    assert float(price_loss(Silent(), state, exact, Terms())) == pytest.approx(0.0, abs=1e-9)
    off = exact.clone()
    off[0, 1, 0] += 1.0
    # One of 8 labels is off by 1, with weight 1 / (0.5 ** 2 + 0.5 ** 2).
    assert float(price_loss(Silent(), state, off, Terms())) == pytest.approx(2.0 / 8.0, rel=1e-4)
    off[..., 1] = 0.0
    assert float(price_loss(Silent(), state, off, Terms())) == pytest.approx(1.0 / 8.0, rel=1e-4)


def test_a_network_learns_the_gains():
    config, policy, _, tokens, labels = labelled(
        **{"imitation.epochs_per_round": 40, "imitation.passes": 40, "imitation.expert": EXPERT.replace("=3", "=8")}
    )
    held = Labels()
    held.add(tokens, labels)
    fit = Fit(policy, make_loss("prices", trained_scenario(config), 1.0), config.imitation)
    first = fit(held)
    assert fit(held) < first


def test_rounds_are_written_and_report_the_other_expert(tmp_path):
    config = read_config(BASE, {"imitation.rounds": 2})
    policy = make_model(config, make_env(config), make_envs(config, 1).scenario).policy
    report = imitate(policy, config, config.imitation, tmp_path)
    assert [row["labels"] for row in report] == [10.0, 20.0]
    again = make_model(config, make_env(config), make_envs(config, 1).scenario).policy
    assert imitate(again, config, config.imitation, tmp_path) == report
    for name, tensor in policy.state_dict().items():
        th.testing.assert_close(again.state_dict()[name], tensor, msg=name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codec": {"name": "priority"}}, "codec 'prices' learns from expert 'rollout', and no other codec does"),
        ({"imitation.expert": "ot-gah"}, "got codec 'prices' with expert 'ot-gah'"),
        ({"imitation.expert": "rollout[depth=2]"}, "has no setting 'depth'"),
        ({"imitation.expert": "rollout[futures=1]"}, "need at least 2 candidates and 2 futures, got 8 and 1"),
        ({"evaluation.expert": None}, "name it as evaluation.expert"),
    ],
)
def test_bad_configurations_are_refused(changes, message, tmp_path):
    config = read_config(BASE, changes)
    policy = make_model(config, make_env(config), make_envs(config, 1).scenario).policy
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        imitate(policy, config, config.imitation, tmp_path)
