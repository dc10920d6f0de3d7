r"""The clairvoyant bound of continuous batching: necessary conditions on the served requests of any run, priced.

Take the requests that some policy serves, with the node k and the epoch e in which each is admitted. In the run itself,
whatever else the nodes compute, the following holds for this subset. r_e is the end of the uplink slot of epoch e.

1. Every request is admitted once.
2. In each epoch the radio shares of those admitted to a node add up to at most 1, in both directions.
3. A request reserves its KV cache, of its predicted length, from its admission until its last token, which is computed
   at r_e + w + v at the earliest: alone on the node. At each decision time the reservations on a node add up to at most
   its memory.
4. Consider those that join a node from r_a on and end by a time d. The node computes all their prefills and tokens in
   [r_a, d], one operation at a time. That takes the sum of w, and c0 for every iteration in which one of them takes
   part. The shares m_i of the memory that the members of one iteration have reserved add up to at most 1, and request i
   takes part in n_i - 1 iterations, so there are at least sum of m_i (n_i - 1) of these. As v_i = (n_i - 1) c0,

       sum of (w_i + m_i v_i) <= d - r_a.

The greatest value of a set of admissions that satisfies 1 to 4 is therefore a bound; no schedule is assumed. Conditions
2 to 4 are priced: for prices p >= 0 with the limits b, and a(x) the amounts that an admission x uses,

    bound(p) = p b + sum over requests of max(0, max over its admissions x of value - p a(x)),

which every choice of prices makes valid (Fisher 1981). Deadlines are rounded up to a grid of `cells` per epoch.
"""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.bounds.candidates import SLACK, Candidates, candidates
from edge_llm_gym.problems.feasibility import KV_USAGE
from edge_llm_gym.sim.columns import KV
from edge_llm_gym.sim.simulator import Simulator


class Admissions(NamedTuple):
    """The n admissions (node, epoch, request) that could serve a request, by request; K nodes, H epochs."""

    first: Array  # [q] int64, first admission of each of the q requests
    request: Array  # [q] int64
    node: Array  # [n] int64
    epoch: Array  # [n] int64
    release: Array  # [n] int64, first epoch whose decision time follows the end of the request, served alone; at most H
    deadline: Array  # [n] int64, cell by whose end the last token must be computed, counted from r_0
    usage: Array  # [n, 3] shares of KV capacity, uplink band and downlink band
    work_epochs: Array  # [n] w + m v, in epochs


def admissions_of(simulator: Simulator, row: int, cells: int) -> Admissions:
    """The admissions of the tape of a row whose requests, alone, would be served before the episode ends."""
    found, epoch_s = candidates(simulator, row), simulator.parameters.epoch_s
    node, epoch = _nodes_and_epochs(found)
    rest_s = (simulator.scenario.horizon_epochs - epoch) * epoch_s - simulator.parameters.radio.uplink_slot_s
    left_s = np.minimum(found.left_s, rest_s + SLACK)
    order = np.argsort(found.request, kind="stable")
    order = order[(found.work_s + found.shared_s <= left_s)[order]]
    usage = found.usage.copy()
    usage[:, KV_USAGE] = reserved_share(simulator, row, node, found.request)
    order = order[(usage[:, KV_USAGE] <= 1.0)[order]]
    request, first = np.unique(found.request[order], return_index=True)
    work_s = found.work_s + usage[:, KV_USAGE] * found.shared_s
    return Admissions(
        first=first,
        request=request,
        node=node[order],
        epoch=epoch[order],
        release=_release_epochs(simulator, found, epoch)[order],
        deadline=(epoch * cells + np.ceil(left_s * cells / epoch_s).astype(np.int64))[order],
        usage=usage[order],
        work_epochs=work_s[order] / epoch_s,
    )


def reserved_share(simulator: Simulator, row: int, node: Array, request: Array) -> Array:
    """[n] share of the memory of a node [n] that a request [n] reserves, by its predicted length."""
    parameters, drivers = simulator.parameters, simulator.tape.predicted_drivers[row, request]
    coefficients = parameters.cost_coefficients[parameters.network.first_hosted[node], :, KV]
    share: Array = (drivers * coefficients).sum(axis=1) / parameters.kv_capacity_bytes[node] / (1.0 + SLACK)
    return share


def _nodes_and_epochs(found: Candidates) -> tuple[Array, Array]:
    nodes, epochs = found.first.shape[0], found.first.shape[1] - 1
    counts = np.diff(found.first, axis=1).ravel()
    pair = np.repeat(np.arange(nodes * epochs), counts)
    return pair // epochs, pair % epochs


def _release_epochs(simulator: Simulator, found: Candidates, epoch: Array) -> Array:
    """[n] first epoch at whose decision time a request that is served alone no longer holds memory."""
    parameters, horizon = simulator.parameters, simulator.scenario.horizon_epochs
    until_s = parameters.radio.uplink_slot_s + found.work_s + found.shared_s
    lasting = np.ceil(until_s / parameters.epoch_s - 1e-9).astype(np.int64)
    return np.minimum(epoch + np.maximum(lasting, 1), horizon)


class ContinuousLagrangian:
    """The bound as a function of the prices: of memory and both bands [K, 3, H], then of time [K, H, T] by (a, d)."""

    def __init__(self, found: Admissions, value: Array, nodes: int, horizon: int, cells: int) -> None:
        self._found, self._value = found, value[found.request]
        last = int(found.deadline.max(initial=horizon * cells)) + 1
        self._shapes = (nodes, 3, horizon), (nodes, horizon, last)
        self._owner = np.repeat(np.arange(found.first.size), np.diff(np.append(found.first, found.node.size)))
        span = np.arange(last) / cells - np.arange(horizon)[:, None]
        self._limit_epochs = np.broadcast_to(np.maximum(span, 0.0), self._shapes[1])

    @property
    def size(self) -> int:
        """Number of prices."""
        return sum(int(np.prod(shape)) for shape in self._shapes)

    def evaluate(self, prices: Array) -> tuple[float, Array]:
        """The bound at non-negative prices [size], and a subgradient [size]."""
        shared, timed = self._split(prices)
        gain = self._value[self._owner] - self._cost(shared, timed)
        best = np.maximum.reduceat(gain, self._found.first)
        bound = float(shared.sum() + (timed * self._limit_epochs).sum() + np.maximum(best, 0.0).sum())
        return bound, self._slack(self._chosen(gain, best))

    def _split(self, prices: Array) -> tuple[Array, Array]:
        middle = int(np.prod(self._shapes[0]))
        return prices[:middle].reshape(self._shapes[0]), prices[middle:].reshape(self._shapes[1])

    def _cost(self, shared: Array, timed: Array) -> Array:
        """[n] price of all that each admission uses."""
        found = self._found
        held = np.cumsum(np.pad(shared[:, KV_USAGE], ((0, 0), (1, 0))), axis=1)
        memory = held[found.node, found.release] - held[found.node, found.epoch]
        bands = [shared[found.node, column, found.epoch] * found.usage[:, column] for column in (1, 2)]
        # of all intervals (a, d) that hold the admission: a up to its epoch, d from its deadline on
        intervals = np.cumsum(np.cumsum(timed, axis=1)[:, :, ::-1], axis=2)[:, :, ::-1]
        time = intervals[found.node, found.epoch, found.deadline] * found.work_epochs
        cost: Array = memory * found.usage[:, KV_USAGE] + bands[0] + bands[1] + time
        return cost

    def _chosen(self, gain: Array, best: Array) -> Array:
        """Indices of the most profitable admission of each request, if its gain is positive."""
        is_best = np.flatnonzero(gain == best[self._owner])
        _, first = np.unique(self._owner[is_best], return_index=True)
        chosen: Array = is_best[first][best > 0.0]
        return chosen

    def _slack(self, chosen: Array) -> Array:
        """Limits less what the chosen admissions use."""
        found, (nodes, resources, horizon) = self._found, self._shapes[0]
        node, epoch = found.node[chosen], found.epoch[chosen]
        held = np.zeros((nodes, horizon + 1))
        np.add.at(held, (node, epoch), found.usage[chosen, KV_USAGE])
        np.add.at(held, (node, found.release[chosen]), -found.usage[chosen, KV_USAGE])
        used = np.zeros((nodes, resources, horizon))
        used[:, KV_USAGE] = np.cumsum(held, axis=1)[:, :horizon]
        for column in (1, 2):
            np.add.at(used[:, column], (node, epoch), found.usage[chosen, column])
        worked = np.zeros(self._shapes[1])
        np.add.at(worked, (node, epoch, found.deadline[chosen]), found.work_epochs[chosen])
        worked = np.cumsum(np.cumsum(worked[:, ::-1], axis=1)[:, ::-1], axis=2)
        return np.concatenate([(1.0 - used).ravel(), (self._limit_epochs - worked).ravel()])
