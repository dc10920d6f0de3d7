"""Clocks, names and memory of devices, and the recording of CUDA graphs with a substitute for a GPU."""

import threading
import time

import pytest
import torch as th

from edge_llm_gym.measuring.graphs import WARM_UP_STEPS, GraphRecorder
from edge_llm_gym.measuring.processors import Cpu, Cuda, available_bytes, cpu_name, make_processor
from tests.measuring.fake_cuda import FakeCuda


def test_a_graph_is_recorded_after_warm_up_on_a_side_stream_and_replayed():
    cuda = FakeCuda()
    step = GraphRecorder(cuda)(lambda: cuda.log.append("step"))
    assert cuda.log == [
        "side waits for main",
        "enter side",
        *["step"] * WARM_UP_STEPS,
        "leave side",
        "main waits for side",
        "capture in pool",
        "step",
        "captured",
    ]
    cuda.log.clear()
    step()
    step()
    assert cuda.log == ["replay", "replay"]


def test_cuda_times_between_events_after_everything_queued_before():
    cuda = FakeCuda(milliseconds=7.0)
    processor = Cuda(cuda=cuda)
    assert processor.seconds(lambda: cuda.log.append("work")) == pytest.approx(7e-3)
    assert cuda.log == ["synchronize", "record", "work", "record", "synchronize"]


def test_cuda_reports_name_and_free_memory_and_records_its_steps():
    cuda = FakeCuda(free=5e9)
    processor = Cuda(cuda=cuda)
    assert (processor.kind, processor.name, processor.free_bytes()) == ("cuda", "Fake GPU", 5e9)
    assert cuda.log == ["empty cache"]
    processor.prepare(lambda: None)()
    assert cuda.log[-1] == "replay"


def test_one_thread_is_timed_in_its_own_cpu_time():
    processor = Cpu(threads=1)
    assert processor.seconds(lambda: time.sleep(0.05)) < 0.02
    assert processor.seconds(busy) > 0.02
    assert processor.seconds(lambda: run_aside(busy)) < 0.02


def test_several_threads_are_timed_in_wall_time():
    processor = Cpu(threads=2)
    assert th.get_num_threads() == 2
    assert processor.seconds(lambda: time.sleep(0.05)) >= 0.05
    assert processor.name.endswith(", 2 threads")


def busy():
    end = time.thread_time() + 0.03
    while time.thread_time() < end:
        pass


def run_aside(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_name_of_the_cpu_and_free_memory_come_from_proc(tmp_path):
    cpuinfo, meminfo = tmp_path / "cpuinfo", tmp_path / "meminfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast CPU 3000\nprocessor\t: 1\nmodel name\t: Fast CPU 3000\n")
    meminfo.write_text("MemTotal: 100 kB\nMemFree: 3 kB\nMemAvailable:      70 kB\n")
    assert cpu_name(cpuinfo) == "Fast CPU 3000"
    assert available_bytes(meminfo) == 70 * 1024
    assert cpu_name(tmp_path / "none")
    assert available_bytes(tmp_path / "none") > 1e6


def test_a_step_on_the_cpu_is_repeated_as_it_is():
    def step():
        pass

    assert Cpu().prepare(step) is step
    assert Cpu().free_bytes() > 1e6


def test_devices_that_cannot_be_used_are_refused():
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        make_processor("gpu")
    with pytest.raises(ValueError, match="setting of the CPU, got 3"):
        Cuda(threads=3, cuda=FakeCuda())


@pytest.mark.skipif(th.cuda.is_available(), reason="a CUDA device is present")
def test_without_a_gpu_the_cpu_is_the_default():
    assert make_processor().kind == "cpu"
    with pytest.raises(ValueError, match="no CUDA device is available to PyTorch: choose --device cpu"):
        make_processor("cuda")
