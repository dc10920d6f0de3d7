"""A plain re-simulation of continuous batching, token by token, which shares no code with the transition.

A node performs one operation after another: a prefill, or one iteration that gives every running sequence a token.
"""

from dataclasses import dataclass, field


@dataclass
class Sequence:
    """A request on a node; the lengths are the actual ones."""

    name: int
    ready_s: float
    prompt: int
    output: int
    prefill_s: float
    tokens: int = 0
    first_token_s: float | None = None
    end_s: float | None = None
    evicted: bool = False

    @property
    def held(self) -> int:
        """Tokens in the KV cache."""
        return self.prompt + self.tokens if self.tokens else 0


@dataclass
class TokenNode:
    """One node: c0 + c1 B + c2 C seconds for an iteration of B sequences that attend to C tokens."""

    step_s: float
    sequence_s: float
    context_s: float
    capacity_tokens: float
    time_s: float = 0.0
    waiting: list[Sequence] = field(default_factory=list)
    running: list[Sequence] = field(default_factory=list)
    busy: list[tuple[float, float]] = field(default_factory=list)

    def join(self, sequence: Sequence) -> None:
        """Queues a sequence for its prefill; sequences join in the order of these calls."""
        self.waiting.append(sequence)

    def run(self, until_s: float) -> list[Sequence]:
        """Performs all operations that end by `until_s`; returns the sequences that left, in order."""
        left: list[Sequence] = []
        while True:
            if self.waiting and self.waiting[0].ready_s <= self.time_s:
                if not self._prefill(until_s, left):
                    return left
            elif self.running:
                if not self._iterate(until_s, left):
                    return left
            elif self.waiting and self.waiting[0].ready_s <= until_s:
                self.time_s = self.waiting[0].ready_s
            else:
                self.time_s = max(self.time_s, until_s) if until_s < float("inf") else self.time_s
                return left

    def _prefill(self, until_s: float, left: list[Sequence]) -> bool:
        sequence = self.waiting[0]
        if self._held() + sequence.prompt + 1 > self.capacity_tokens * (1 + 1e-9):
            self._evict(self.waiting.pop(0), left)
            return True
        if self.time_s + sequence.prefill_s > until_s:
            return False
        self.waiting.pop(0)
        self._spend(sequence.prefill_s)
        sequence.first_token_s = self.time_s
        self.running.append(sequence)
        self._give_token([sequence], left)
        return True

    def _iterate(self, until_s: float, left: list[Sequence]) -> bool:
        if self._held() + len(self.running) > self.capacity_tokens * (1 + 1e-9):
            self._evict(self.running.pop(), left)
            return True
        context = sum(one.held for one in self.running)
        duration_s = self.step_s + self.sequence_s * len(self.running) + self.context_s * context
        if self.time_s + duration_s > until_s:
            return False
        self._spend(duration_s)
        self._give_token(list(self.running), left)
        return True

    def _spend(self, duration_s: float) -> None:
        self.busy.append((self.time_s, self.time_s + duration_s))
        self.time_s += duration_s

    def _give_token(self, sequences: list[Sequence], left: list[Sequence]) -> None:
        for sequence in sequences:
            sequence.tokens += 1
            if sequence.tokens == sequence.output:
                sequence.end_s = self.time_s
                self.running.remove(sequence)
                left.append(sequence)

    def _evict(self, sequence: Sequence, left: list[Sequence]) -> None:
        sequence.end_s, sequence.evicted = self.time_s, True
        left.append(sequence)

    def _held(self) -> int:
        return sum(one.held for one in self.running)
