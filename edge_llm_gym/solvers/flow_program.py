"""The routing problem as a convex program in the flows of the links, solved by a log-barrier Newton method."""

import numpy as np

from edge_llm_gym.problems.arrays import Flags, Floats
from edge_llm_gym.problems.routing import RoutingProblem


class FlowProgram:
    """Minimise the delay over the flows x of all links that can carry requests, A x = b, x >= 0, utilisations <= 1.

    The bound on the utilisations has a barrier of its own, since it can bind where wait factors are zero.
    """

    def __init__(self, problem: RoutingProblem) -> None:
        assert problem.pass_ratio is not None
        self.problem = problem
        self.total = float(problem.arrival_rate.sum())
        self.pass_ratio = problem.pass_ratio
        devices = problem.device_count
        self.sender, self.node = np.nonzero(problem.has_link & _sends(problem, self.pass_ratio)[:, None])
        self.link_s = problem.link_delay_s[self.sender, self.node]
        out = np.eye(devices + problem.node_count)[:, self.sender]
        out[devices + self.node, np.arange(self.node.size)] -= self.pass_ratio[self.node]
        sends = np.isin(np.arange(devices + problem.node_count), self.sender)
        self.conservation = out[sends]
        self.source = np.concatenate([problem.arrival_rate, np.zeros(problem.node_count)])[sends]
        self.inflow = np.eye(problem.node_count)[:, self.node]
        self.factor = np.asarray(problem.wait_factor)

    def idle_share(self, flow: Floats) -> Floats:
        """[K] idle share of each node's time."""
        return 1 - (self.inflow @ flow) * self.problem.service_s

    def delay(self, flow: Floats) -> float:
        """Total delay of the requests that arrive in a second; infinite if a queue is unstable."""
        rate, idle_share = self.inflow @ flow, self.idle_share(flow)
        if (idle_share <= 0).any():
            return float("inf")
        wait = self.factor * rate * self.problem.service_sq_s2 / (2 * idle_share)
        return float((rate * (wait + self.problem.service_s)).sum() + flow @ self.link_s)

    def marginal(self, flow: Floats) -> Floats:
        """[K] derivative of the nodes' delay by their rate."""
        residual_s = self.problem.service_sq_s2 / (2 * self.problem.service_s)
        return self.problem.service_s + self.factor * residual_s * (1 / self.idle_share(flow) ** 2 - 1)

    def curvature(self, flow: Floats) -> Floats:
        """[K] second derivative of the nodes' delay by their rate."""
        return self.factor * self.problem.service_sq_s2 / self.idle_share(flow) ** 3

    def balanced(self) -> tuple[float, Floats]:
        """The least possible utilisation of the busiest node, and flows that attain it, by a linear program."""
        from scipy.optimize import linprog

        links, nodes = self.node.size, self.problem.node_count
        busy = np.hstack([self.inflow * self.problem.service_s[:, None], -np.ones((nodes, 1))])
        conserve = np.hstack([self.conservation, np.zeros((len(self.source), 1))])
        objective = np.append(np.zeros(links), 1.0)
        result = linprog(objective, A_ub=busy, b_ub=np.zeros(nodes), A_eq=conserve, b_eq=self.source)
        if result.x is None:
            raise RuntimeError(f"the linear program of the least utilisation was not solved: {result.message}")
        return float(result.x[-1]), np.asarray(result.x[:-1])

    def interior(self) -> Floats:
        """Flows with every link in use and every queue stable."""
        load, balanced = self.balanced()
        if load >= 1:
            raise ValueError(f"no routing is stable: the busiest node would be at {load:.3f} of its capacity at best")
        spread = self.spread()
        excess = float((1 - self.idle_share(spread)).max()) - load
        mix = min(0.5, 0.3 * (1 - load) / excess) if excess > 0 else 0.5
        return (1 - mix) * balanced + mix * spread

    def spread(self) -> Floats:
        """Flows when every sender splits evenly over its links."""
        share = 1 / np.bincount(self.sender)[self.sender]
        transfer = self.conservation * share
        rate = np.zeros(int(self.sender.max()) + 1)
        rate[np.unique(self.sender)] = np.linalg.solve(transfer @ self._sender_columns(), self.source)
        return share * rate[self.sender]

    def _sender_columns(self) -> Floats:
        return (self.sender[:, None] == np.unique(self.sender)[None, :]).astype(np.float64)

    def minimise(self, flow: Floats, relative_gap: float) -> tuple[Floats, Floats]:
        """Follow the central path from a strictly feasible ``flow`` until the barrier's gap is small enough.

        Returns flows, and the multipliers [K] of the bounds on the utilisations.
        """
        bounds = flow.size + self.problem.node_count
        weight = self.delay(flow) / bounds
        while weight * bounds > relative_gap * self.delay(flow):
            weight /= 8
            for _ in range(50):
                flow, decrement = self._newton_step(flow, weight)
                if decrement < 1e-3 * weight:
                    break
        return flow, weight / self.idle_share(flow)

    def _newton_step(self, flow: Floats, weight: float) -> tuple[Floats, float]:
        bound = self.problem.service_s / self.idle_share(flow)
        gradient = self.link_s + self.inflow.T @ (self.marginal(flow) + weight * bound) - weight / flow
        curvature = self.curvature(flow) + weight * bound**2
        hessian = self.inflow.T @ (curvature[:, None] * self.inflow) + np.diag(weight / flow**2)
        rows = len(self.source)
        system = np.block([[hessian, self.conservation.T], [self.conservation, np.zeros((rows, rows))]])
        try:
            step = np.linalg.solve(system, np.concatenate([-gradient, np.zeros(rows)]))[: flow.size]
        except np.linalg.LinAlgError:
            raise RuntimeError("the reference stopped at a singular system: its numbers differ too much") from None
        decrement = float(-gradient @ step)
        length = 1.0
        while self._barrier(flow + length * step, weight) > self._barrier(flow, weight) - 1e-4 * length * decrement:
            length /= 2
            if length < 1e-12:
                return flow, 0.0
        return flow + length * step, decrement

    def _barrier(self, flow: Floats, weight: float) -> float:
        idle_share = self.idle_share(flow)
        if not (flow > 0).all() or not (idle_share > 0).all():
            return float("inf")
        return self.delay(flow) - weight * float(np.log(flow).sum() + np.log(idle_share).sum())

    def duality_gap(self, flow: Floats, multiplier: Floats) -> float:
        """No flow within the bounds has a delay below that of ``flow`` by more than this.

        The delay is linearised at ``flow`` (Frank & Wolfe 1956) and the bounds on the utilisations are relaxed with the
        ``multiplier`` [K], zero or more; the cheapest paths then give a lower bound on the delay of every flow.
        """
        problem, node_cost = self.problem, self.marginal(flow) + multiplier * self.problem.service_s
        to_go = node_cost.copy()
        for stage in range(int(problem.stage.max()) - 1, 0, -1):
            senders = (problem.stage == stage) & (self.pass_ratio > 0)
            onward = problem.link_delay_s[problem.device_count :][senders] + to_go
            to_go[senders] += self.pass_ratio[senders] * onward.min(axis=1)
        sending = problem.arrival_rate > 0
        first = (problem.link_delay_s[: problem.device_count][sending] + to_go).min(axis=1)
        cheapest = problem.arrival_rate[sending] @ first
        slack = multiplier @ self.idle_share(flow)
        return float((self.link_s + node_cost[self.node]) @ flow - cheapest + slack)

    def offload(self, flow: Floats) -> Floats:
        """[D + K, K] shares of the flows; an unreachable sender splits evenly."""
        link = self.problem.has_link
        share = link / np.maximum(link.sum(axis=1, keepdims=True), 1)
        share[self.sender, self.node] = flow / np.bincount(self.sender, flow)[self.sender]
        return share


def _sends(problem: RoutingProblem, pass_ratio: Floats) -> Flags:
    """[D + K] whether a device or node sends requests under some routing."""
    sends = np.concatenate([problem.arrival_rate > 0, np.zeros(problem.node_count, dtype=bool)])
    for _ in range(int(problem.stage.max())):
        reached = (problem.has_link & sends[:, None]).any(axis=0)
        sends[problem.device_count :] = reached & (pass_ratio > 0)
    return sends
