"""DTO-EE: distributed routing and early-exit thresholds by marginal costs that neighbours exchange.

A reconstruction of the scheduler in arXiv 2412.08284 from its abstract, with standard methods. A round is one pass
upstream and one downstream. Upstream (DTO-R, ``flow`` and ``forecast``), each node sends its senders its marginal cost
(Gallager 1977) and the rise of this cost with the flow (second derivatives, as in Bertsekas, Gafni & Gallager 1984).
Downstream (DTO-O, ``step`` and ``threshold``), each sender moves its shares to cheaper receivers, then each node in
turn changes its threshold if that raises the utility. Overload is handled by an exterior penalty that grows from round
to round (``rounds``).

A sender only exchanges messages with its receivers. Simultaneous moves would overshoot at high load; therefore the
nodes of a stage share the messages of their senders, and one small linear system gives all of them the prices at which
these moves are consistent. The only global quantity is the step length of each round.
"""

from edge_llm_gym.solvers.dto_ee.solver import MOST_ROUNDS, solve

__all__ = ["MOST_ROUNDS", "solve"]
