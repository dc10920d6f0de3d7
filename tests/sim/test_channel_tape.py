"""The channels of a tape, recomputed from the generator's numbers link by link."""

import math

import numpy as np

from edge_llm_gym.models.channel import path_loss_db
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.entries import Episode, entries_of
from edge_llm_gym.sim.episode_parameters import EpisodeParameters
from edge_llm_gym.sim.records import allocate_channels
from edge_llm_gym.sim.tape import ChannelGenerator
from edge_llm_gym.workload.workload import Arrivals

SETTINGS = {
    "horizon_epochs": 3,
    "devices.count": 3,
    "nodes.2.position_m": [200.0, 200.0],  # a second node at the site of the first one
    "channel.path_loss": "uma-nlos",
    "channel.spectral_efficiency_cap": 30.0,
}


def test_channels_are_the_plain_recomputation():
    scenario = load_scenario("multi-node", SETTINGS)
    tape = allocate_channels(1, 3, 3, 4)
    none = Arrivals(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64), 0, 0)
    episode = Episode(EpisodeParameters(rate_per_s=1.0, shadowing_db=6.0, drift_period_s=0.0, drift_depth=0.0), none)
    ChannelGenerator(scenario).write(entries_of([np.random.default_rng(8)], [episode], [0]), tape)

    rng = np.random.default_rng(8)
    position_m = rng.random((3, 2)) * 800.0
    common, specific = rng.standard_normal(3), rng.standard_normal((3, 3))
    innovation = rng.standard_normal((4, 3, 4, 2))
    sites = sorted({node.position_m for node in scenario.nodes})
    correlation = 0.9037127  # J0(0.2 pi)
    for device in range(3):
        for index, node in enumerate(scenario.nodes):
            distance_m = math.dist(position_m[device], node.position_m)
            shadowing = math.sqrt(0.5) * (common[device] + specific[device, sites.index(node.position_m)])
            loss_db = float(path_loss_db("uma-nlos", distance_m, 2e9)) + 6.0 * shadowing
            gain = innovation[0, device, index]
            for epoch in range(4):
                if epoch:
                    fresh = innovation[epoch, device, index]
                    gain = correlation * gain + math.sqrt(1 - correlation**2) * fresh
                for way, power_dbm, figure_db in ((0, 23.0, 5.0), (1, 38.0, 9.0)):
                    noise_dbm = -174.0 + 10 * math.log10(5e6) + figure_db
                    snr = 10 ** ((power_dbm - loss_db - noise_dbm) / 10) * float(gain @ gain) / 2
                    found = tape.spectral_efficiency[0, epoch, device, index, way]
                    assert math.isclose(found, math.log2(1 + snr), rel_tol=1e-4)
