"""OT-GAH: assignment of requests to nodes by residual profits, with the exact single-node search as oracle.

A reconstruction of the scheduler of that name (IEEE TWC 2024, 10.1109/TWC.2024.3497923) as the local-ratio algorithm of
Cohen, Katzir and Raz, "An efficient approximation for the generalized assignment problem" (2006). The nodes are
processed in order. Each one selects its best batch under *residual* profits: the value of a request on this node less
its value on the node that selected it last. In the end each request is assigned to the last node that selected it. With
an exact oracle the total value is at least half of the optimum, in any order of the nodes. An optional improvement
(``request_prices``) searches for better assignments and a tighter upper bound.
"""

from edge_llm_gym.solvers.ot_gah.rows import solve_rows
from edge_llm_gym.solvers.ot_gah.solver import ORACLE_NODE_LIMIT, PRICE_ROUNDS, solve

__all__ = ["ORACLE_NODE_LIMIT", "PRICE_ROUNDS", "solve", "solve_rows"]
