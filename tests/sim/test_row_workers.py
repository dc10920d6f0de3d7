"""Rows over threads: every row once, errors reach the caller, and pieces run at the same time."""

import pickle
import threading

import numpy as np
import pytest

from edge_llm_gym.sim.row_workers import RowWorkers


@pytest.mark.parametrize(("rows", "threads"), [(1, 1), (7, 1), (7, 2), (7, 3), (2, 5), (256, 4)])
def test_every_row_belongs_to_one_piece(rows, threads):
    workers, done = RowWorkers(rows, threads), np.zeros(rows, int)

    def work(piece):
        done[piece.first : piece.last] += 1

    workers.run(work)
    workers.run(work)
    assert (done == 2).all()
    assert len(workers.pieces) == min(rows, threads)
    sizes = [piece.last - piece.first for piece in workers.pieces]
    assert max(sizes) - min(sizes) <= 1
    assert [piece.worker for piece in workers.pieces] == list(range(len(sizes)))


def test_pieces_run_at_the_same_time():
    barrier = threading.Barrier(3, timeout=20)
    RowWorkers(3, 3).run(lambda piece: barrier.wait())


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_is_raised_after_all_pieces_have_ended(failing):
    done = []

    def work(piece):
        if piece.worker == failing:
            raise ValueError("broken")
        done.append(piece.worker)

    with pytest.raises(ValueError, match="broken"):
        RowWorkers(4, 2).run(work)
    assert done == [1 - failing]


def test_used_workers_can_be_pickled():
    workers, done = RowWorkers(4, 2), []
    workers.run(lambda piece: None)
    with workers.turn:
        other = pickle.loads(pickle.dumps(workers))
    with other.turn:  # a lock of its own, which is free
        other.run(done.append)
    assert sorted(done) == workers.pieces


@pytest.mark.parametrize("threads", [0, 1025, 2.5, True, "2"])
def test_a_number_of_threads_is_a_whole_number_in_range(threads):
    with pytest.raises(ValueError, match="num_threads must be"):
        RowWorkers(4, threads)


@pytest.mark.parametrize(("items", "threads"), [(0, 3), (1, 3), (7, 1), (7, 3), (64, 3)])
def test_items_are_shared_in_order(items, threads):
    parts = {}

    def work(worker, part):
        parts[worker] = part

    RowWorkers(64, threads).share(list(range(items)), work)
    assert sorted(parts) == list(range(max(min(items, threads), 1)))
    assert [item for worker in sorted(parts) for item in parts[worker]] == list(range(items))
    assert max(map(len, parts.values()), default=0) - min(map(len, parts.values()), default=0) <= 1


def test_an_error_of_an_item_reaches_the_caller():
    def work(worker, part):
        if "bad" in part:
            raise ValueError(f"worker {worker} is broken")

    with pytest.raises(ValueError, match="worker 1 is broken"):
        RowWorkers(4, 2).share(["good", "good", "bad"], work)


@pytest.mark.parametrize(("rows", "threads"), [(0, 3), (1, 3), (7, 1), (7, 3)])
def test_rows_are_split_into_slices(rows, threads):
    parts = []
    RowWorkers(threads, threads).split(rows, parts.append)
    assert sorted(row for part in parts for row in range(rows)[part]) == list(range(rows))
    assert len(parts) == min(rows, threads)
