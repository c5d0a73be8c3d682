from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.batch.cluster_shape import (
    MOST_CORES,
    Node,
    Shape,
    capacity,
    shape_for,
    worker_settings,
)
from captioner.config import Settings


@pytest.mark.parametrize(
    ("cores", "share"), [([2], 2), ([8], 8), ([12], 6), ([16], 8), ([64], 8), ([0, 4, 64], 4)]
)
def test_a_worker_gets_an_equal_share_of_the_smallest_node(cores: list[int], share: int) -> None:
    nodes = [Node(str(number), count) for number, count in enumerate(cores)]
    assert shape_for(Settings(), nodes) == Shape(share)


@given(st.integers(1, 512))
def test_at_most_one_core_in_eight_of_the_smallest_node_is_left_over(cores: int) -> None:
    shape = shape_for(Settings(), [Node("one", cores)])
    assert shape.cores <= MOST_CORES
    assert cores - capacity(shape, [Node("one", cores)]) * shape.cores <= cores / 8


def test_where_there_are_gpus_each_worker_has_one() -> None:
    nodes = [Node("head", 4), Node("one", 16, 2), Node("two", 16, 4)]
    shape = shape_for(Settings(), nodes)
    assert shape.gpus == 1
    assert capacity(shape, nodes) == 6


def test_gpus_are_left_alone_when_the_processor_is_asked_for() -> None:
    assert shape_for(Settings(device="cpu"), [Node("one", 4, 2)]) == Shape(4)


def test_a_gpu_is_waited_for_when_it_is_asked_for() -> None:
    shape = shape_for(Settings(device="cuda"), [Node("head", 4)])
    assert shape.gpus == 1
    assert capacity(shape, [Node("head", 4)]) == 0


def test_the_settings_say_how_many_cores_a_worker_needs() -> None:
    assert shape_for(Settings(workers=3, threads_per_worker=2), [Node("one", 64)]) == Shape(6)


def test_a_cluster_without_a_node_yet_is_asked_for_one_core() -> None:
    assert shape_for(Settings(), []) == Shape(1)


def test_a_worker_computes_as_many_batches_at_once_as_it_has_cores() -> None:
    assert worker_settings(Settings(), Shape(6)).workers == 6
    assert worker_settings(Settings(threads_per_worker=2), Shape(6)).workers == 3
    assert worker_settings(Settings(threads_per_worker=8), Shape(6)).workers == 1


def test_a_worker_with_a_gpu_must_use_it() -> None:
    assert worker_settings(Settings(), Shape(1, 1)).device == "cuda"
    assert worker_settings(Settings(workers=2), Shape(1, 1)).workers == 2
    assert worker_settings(Settings(), Shape(1)).device == "cpu"


def test_nothing_but_the_settings_of_model_and_captions_leaves_the_machine() -> None:
    settings = Settings(
        token_file=Path("/etc/tokens"),
        server="captions.example.org:50051",
        model="small",
        final_beam_size=3,
        max_sessions=7,
    )
    sent = worker_settings(settings, Shape(1))
    assert (sent.model, sent.final_beam_size) == ("small", 3)
    assert (sent.token_file, sent.server, sent.max_sessions) == (None, "", 1000)


def test_the_folder_of_the_models_means_the_same_in_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(models_dir=Path("models"))
    assert worker_settings(settings, Shape(1)).models_dir == tmp_path / "models"
