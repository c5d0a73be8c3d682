"""How a cluster is divided among workers. Pure: nodes in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from captioner.config import Settings

MOST_CORES: Final = 8  # of one worker: beyond, the Python of one process holds its threads back
GPU_WORKER_CORES: Final = 1  # reserved beside a GPU; decoding and listening use what is free


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of a cluster, and what it offers, in use or not."""

    name: str
    cores: int
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """What each worker is given."""

    cores: int
    gpus: int = 0

    def fits(self, node: Node) -> int:
        """How many workers a node has room for."""
        by_cores = node.cores // self.cores
        return min(by_cores, node.gpus // self.gpus) if self.gpus else by_cores


def shape_for(settings: Settings, nodes: Sequence[Node]) -> Shape:
    """A GPU for each worker where there are any, else an equal share of a node's cores."""
    wants_gpu = settings.device == "cuda"
    if wants_gpu or (settings.device == "auto" and any(node.gpus for node in nodes)):
        return Shape(GPU_WORKER_CORES, 1)
    if settings.workers:
        return Shape(settings.workers * settings.threads_per_worker)
    smallest = min((node.cores for node in nodes if node.cores), default=1)
    return Shape(smallest // -(-smallest // MOST_CORES))


def capacity(shape: Shape, nodes: Sequence[Node]) -> int:
    """How many workers the nodes have room for."""
    return sum(shape.fits(node) for node in nodes)


def worker_settings(settings: Settings, shape: Shape) -> Settings:
    """The settings of a worker: those of the model and of captions, made to fit its share.

    Nothing else leaves this machine: neither addresses nor names of token files.
    """
    kept = {
        name: getattr(settings, name)
        for name, field in Settings.model_fields.items()
        if isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra["group"] in ("Model", "Captions")
    }
    kept["models_dir"] = settings.models_dir.absolute()
    if shape.gpus:
        kept["device"] = "cuda"  # not "auto": a node whose driver is broken must not fall back
    else:
        kept["device"] = "cpu"
        kept["workers"] = max(1, shape.cores // settings.threads_per_worker)
    return Settings(**kept)
