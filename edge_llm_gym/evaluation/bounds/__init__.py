"""The clairvoyant bound: no policy, not even one that knows the whole tape, serves more value than this.

Only the value of the served is bounded; a reward with penalties lies below it. It is a Lagrangian bound (Fisher 1981):
constraints that tie decisions together are priced, and what is left falls apart into one schedule for each node, which
dynamic programming solves. Any prices give a valid bound; `prices` looks for good ones.

**What is relaxed.** Take what a policy did and strike whoever was not served: batches then begin no later, and shares
and memory still suffice. So some schedule of served requests only reaches the same value. Node k, epoch e: S_ke is
the batch, r_e = (e + 1) epoch_s + uplink_slot_s its release, T(S) = sum of w + max of v its duration, and its end is
max(r_e, end before) + T. The bound keeps exactly, batch by batch, that members have arrived, that both radio shares
and the KV caches fit alone, and that all meet their deadlines; and node by node that batches follow one another. Three
things are priced:

1. every request is served once:                               sum over k, e of [i in S_ke] <= 1       price u_i
2. memory at r_e, over the batches begun by then and not ended:sum of their KV <= room [any is there]  price mu_ke
3. time, h_e being how far the node is busy past r_(e+1):      h_(e-1) + T(S_ke) - epoch_s <= h_e      price lambda_ke

The third only tightens: the node's schedule walks over cells of time, (0, d], (d, 2d], ... after r_e, in which it knows
h_e to within d. A batch that ends in cell b, begun when the node became free in cell q, lasts at most (b - q + 1) d, or
b d if the node was free at r_e (q = 0); who joins must have a deadline that reaches into cell b. So every real schedule
is one of those that the dynamic program chooses from, with all three constraints kept, and its value is at most

    sum of u_i + sum over k of max over schedules of { sum over e of value - u - mu * (KV over room) ... }.

What slots show, and that a policy cannot look ahead, is left out altogether.
"""

from edge_llm_gym.evaluation.bounds.clairvoyant import clairvoyant_bound, require_bound

__all__ = ["clairvoyant_bound", "require_bound"]
