"""What a machine is, and how fast it encodes: recorded beside every figure.

    python benchmarks/machine.py --model base

Figures of different days and machines are compared through the reference: the median time that one
thread takes to encode a window of 10 s with the model in question.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil

from captioner.cli.options import settings_options
from captioner.config import Settings
from captioner.errors import ModelError
from captioner.models.store import ModelStore

LIBRARIES = ("ctranslate2", "faster-whisper", "grpcio", "numpy", "onnxruntime", "soxr")
REFERENCE_WINDOW = 10.0  # seconds
REFERENCE_REPEATS = 15
WARM_UP = 2  # first calls allocate
GIBIBYTE = 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """Where figures were measured."""

    cpu: str
    cores: int
    """Those that this process may use."""
    memory_gib: float
    system: str
    python: str
    libraries: dict[str, str]
    """Versions by name."""
    load: float
    """Runnable processes over the last minute: above 0 on a machine that had other work."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EncodeReference:
    """How long one thread takes to encode a window of 10 s."""

    model: str
    compute_type: str
    device: str
    median: float
    """Seconds."""
    fastest: float
    """Seconds; far from the median on a machine that had other work."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; times to a tenth of a millisecond."""
        return asdict(self) | {
            "window": REFERENCE_WINDOW,
            "median": round(self.median, 4),
            "fastest": round(self.fastest, 4),
        }


def describe() -> Machine:
    """Look at this machine."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(psutil.virtual_memory().total / GIBIBYTE, 1),
        system=f"{_distribution()}, {platform.system()} {platform.release()}",
        python=platform.python_version(),
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
        load=round(os.getloadavg()[0], 2),
    )


def _cpu() -> str:
    """The name in /proc/cpuinfo, and the widest vector unit: it decides how fast int8 is."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", "").split()
    best = next((flag for flag in ("avx512_vnni", "avx512f", "avx2", "avx") if flag in flags), "")
    return " ".join(filter(None, (fields.get("model name", platform.machine()), best)))


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown distribution"


def encode_reference(settings: Settings, *, repeats: int = REFERENCE_REPEATS) -> EncodeReference:
    """Measure the reference with the model, device and compute type of the settings.

    The model is loaded for it and freed again, so measure before anything else runs.

    Raises:
        ModelError: there is no such model.
    """
    import ctranslate2

    from captioner.audio.mel import log_mel

    model = ModelStore(settings.models_dir).find(settings.model, verified=False)
    device, compute_type = _resolve(settings)
    whisper = ctranslate2.models.Whisper(
        str(model.directory), device=device, compute_type=compute_type, intra_threads=1
    )
    # What is in the window changes nothing: the encoder's work depends on its shape alone.
    samples = np.random.default_rng(0).normal(0, 0.05, round(REFERENCE_WINDOW * 16_000))
    features = log_mel(samples.astype(np.float32), n_mels=whisper.n_mels)
    window = ctranslate2.StorageView.from_array(np.ascontiguousarray(features[None]))
    times = []
    for _ in range(WARM_UP + repeats):
        begin = time.perf_counter()
        whisper.encode(window, to_cpu=True)
        times.append(time.perf_counter() - begin)
    actual = str(whisper.compute_type)
    del whisper
    gc.collect()
    measured = times[WARM_UP:]
    return EncodeReference(model.name, actual, device, statistics.median(measured), min(measured))


def encode_or_none(settings: Settings, *, required: bool) -> EncodeReference | None:
    """Measure the reference, or None where no model is needed and there is none.

    Raises:
        ModelError: there is no such model, and it is required.
    """
    try:
        return encode_reference(settings)
    except ModelError:
        if required:
            raise
        return None


def _resolve(settings: Settings) -> tuple[str, str]:
    """Device and compute type, with `auto` decided as the server does."""
    import ctranslate2

    device: str = settings.device
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    compute_type: str = settings.compute_type
    if compute_type == "auto":
        compute_type = "int8" if device == "cpu" else "float16"
    return device, compute_type


@click.command()
@settings_options("Model")
def main(settings: Settings) -> None:
    """Describe this machine, and measure how long it takes to encode a window of 10 s."""
    found = {"machine": describe().to_json(), "encode": encode_reference(settings).to_json()}
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
