"""The clairvoyant bound: an upper bound on the value that any policy can serve, even one that knows the whole tape.

It bounds the value of the served requests only. Other terms of a reward, such as penalties or a price of energy, are
not in it: a policy that trades value for energy stays below the bound on purpose, and the distance is no loss of
reward. It is a Lagrangian bound (Fisher 1981): the constraints that couple decisions are priced, and the remaining
problem decomposes into one schedule per node, which dynamic programming solves. Every choice of non-negative prices
gives a valid bound; `clairvoyant` minimises it.

**Relaxation.** Remove from the decisions of any policy all requests that were not served: batches then begin no later,
and radio shares and memory still suffice. So some schedule of served requests alone attains the same value. For node k
and epoch e, let S_ke be the batch, r_e = (e + 1) epoch_s + uplink_slot_s its release, T(S) = sum of w + max of v its
duration, and max(r_e, previous end) + T its end. The bound keeps the following exactly. For every batch: its members
have arrived, both radio shares and the KV caches of the batch alone suffice, and all members meet their deadlines. For
every node: batches run one after another. Three constraints are priced:

1. every request is served once:                                 sum over k, e of [i in S_ke] <= 1       price u_i
2. memory at r_e, over the batches that have begun but not ended: sum of their KV <= capacity [any]      price mu_ke
3. time, where h_e is the time that the node is busy past r_(e+1): h_(e-1) + T(S_ke) - epoch_s <= h_e    price lambda_ke

The third is redundant and tightens the bound. The node's schedule runs over cells of time, (0, d], (d, 2d], ... after
r_e, so that it knows h_e to within d. A batch that ends in cell b, begun when the node became idle in cell q, lasts at
most (b - q + 1) d, or b d if the node was idle at r_e (q = 0); every member needs a deadline that reaches into cell b.
Every real schedule is therefore among those that the dynamic program chooses from, with all three constraints kept, and
its value is at most

    sum of u_i + sum over k of max over schedules of { sum over e of value - u - mu * (KV / capacity) ... }.

The limited number of visible slots, and the fact that a policy does not know the future, are relaxed entirely.
"""

from edge_llm_gym.evaluation.bounds.clairvoyant import clairvoyant_bound, require_bound

__all__ = ["clairvoyant_bound", "require_bound"]
