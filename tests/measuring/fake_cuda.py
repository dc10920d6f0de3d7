"""A substitute for `torch.cuda` that records what is called, for machines without a GPU."""

from contextlib import contextmanager


class FakeCuda:
    """Runs work on the host; a captured graph replays by calling what ran while it was captured."""

    def __init__(self, milliseconds=7.0, free=5e9):
        self.log, self.milliseconds, self.free = [], milliseconds, free

    def is_available(self):
        return True

    def get_device_name(self):
        return "Fake GPU"

    def mem_get_info(self):
        return (self.free, 2 * self.free)

    def empty_cache(self):
        self.log.append("empty cache")

    def synchronize(self):
        self.log.append("synchronize")

    def graph_pool_handle(self):
        return "pool"

    def current_stream(self):
        return FakeStream("main", self.log)

    def Stream(self):
        return FakeStream("side", self.log)

    def CUDAGraph(self):
        return FakeGraph(self.log)

    def Event(self, enable_timing):
        assert enable_timing
        return FakeEvent(self)

    @contextmanager
    def stream(self, stream):
        self.log.append(f"enter {stream.name}")
        yield
        self.log.append(f"leave {stream.name}")

    @contextmanager
    def graph(self, graph, pool):
        self.log.append(f"capture in {pool}")
        yield
        self.log.append("captured")


class FakeStream:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def wait_stream(self, other):
        self.log.append(f"{self.name} waits for {other.name}")


class FakeGraph:
    def __init__(self, log):
        self.log = log

    def replay(self):
        self.log.append("replay")


class FakeEvent:
    def __init__(self, cuda):
        self.cuda = cuda

    def record(self):
        self.cuda.log.append("record")

    def elapsed_time(self, end):
        assert isinstance(end, FakeEvent)
        assert end is not self
        return self.cuda.milliseconds
