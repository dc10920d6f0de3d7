"""DFTSP: the best batch for one node, by a depth-first tree search with Lagrangian pruning, proved optimal.

A reconstruction of the scheduler of that name (arXiv 2405.07140) with standard methods, for requests of any value:

1. The requests of a batch interact through its tightest budget D and its longest shared time v. Once both are fixed (a
   *pair*), the batch is a 0-1 knapsack with four rows: time, memory, uplink, downlink (``pairs``). A price of the time
   is then a constant for v, and part of the profits: each request pays for the time that it adds itself.
2. The dual values of the knapsack's linear relaxation price the rows (``multipliers``). One vector of prices bounds
   *all* pairs in one pass of prefix sums, so that few of the N^2 pairs are searched.
3. The search tries the batch sizes, or with unequal values the totals, from the upper bound down (``tree_search``). For
   each goal it searches the pairs whose bound reaches it, depth first (``core``): a request is fixed if the opposite
   decision costs more reduced profit than the bound exceeds the goal; the few others branch. Long searches also skip
   sets that contain a request without one that dominates it.

Prices only guide and prune the search: rounding errors in them cannot make a bound invalid.
"""

from edge_llm_gym.solvers.dftsp.rows import solve_node_by_node
from edge_llm_gym.solvers.dftsp.solver import SEARCH_NODE_LIMIT, solve

__all__ = ["SEARCH_NODE_LIMIT", "solve", "solve_node_by_node"]
