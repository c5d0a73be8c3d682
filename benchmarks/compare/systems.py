"""The systems that are compared: how each is started, and how it is spoken to.

Each peer is there twice: with the defaults of its authors, but for what every run must say (model,
language, processor, port), and with the settings that are fairest to it in this test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compare.adapters import realtimestt, whisper_live, whisperlivekit
from compare.connection import SocketConnection

CAPTIONER = "captioner"
DEFAULTS = "defaults"
FAIREST = "fairest"
LAUNCHERS = Path(__file__).with_name("launch")
ALIGNATT = "simulstreaming"  # WhisperLiveKit's default policy
MANY = 256  # sessions: out of reach
THREADS = "2"
WARMUP = Path(__file__).parents[2] / "examples" / "audio" / "sentences" / "000.flac"

Options = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server process is started."""

    arguments: tuple[str, ...]
    """After the Python of its environment."""
    environment: dict[str, str] = field(default_factory=dict)
    health: str = ""
    """Path that tells over HTTP when it is ready; empty: it is when its port is open."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A system in one of its two variants."""

    name: str
    package: str
    """Names its environment and pins."""
    variant: str
    settings: Options
    """What is set, for people; the other settings are the defaults of its authors."""
    launch: Callable[[str, int], Launch]
    """From the directory of the model and the port."""
    open_track: Callable[[int], SocketConnection]
    """From the port."""
    losses: re.Pattern[str] | None = None
    """What it writes when it drops audio or text without telling the client."""

    @property
    def key(self) -> str:
        """Names it in results and on the command line."""
        return f"{self.name}:{self.variant}"


def _whisper_live(options: Options, *, warm: bool, beam_size: int = 0) -> Callable[..., Launch]:
    def launch(model: str, port: int) -> Launch:
        task: dict[str, Any] = {
            "model": model,
            "port": port,
            "warm": warm,
            "compute_type": "int8",
            "beam_size": beam_size,
            "options": dict(options),
        }
        environment = {"OMP_NUM_THREADS": THREADS} if warm else {}
        return Launch(
            ("-P", str(LAUNCHERS / "whisper_live_server.py"), json.dumps(task)), environment
        )

    return launch


def _realtimestt(options: tuple[str, ...], *, threads: bool) -> Callable[..., Launch]:
    def launch(model: str, port: int) -> Launch:
        needed = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
        needed += ["--model", model, "--realtime-model", model, "--language", "fr"]
        arguments = ("-m", "example_fastapi_server.server", *needed, *options)
        return Launch(arguments, {"OMP_NUM_THREADS": THREADS} if threads else {}, "/health")

    return launch


def _whisperlivekit(
    options: tuple[str, ...], *, beam_size: int, policy: str = "localagreement"
) -> Callable[..., Launch]:
    def launch(model: str, port: int) -> Launch:
        where = "--decoder-model-path" if policy == ALIGNATT else "--model_dir"
        needed = ["--host", "127.0.0.1", "--port", str(port), where, model]
        needed += ["--language", "fr", "--backend", "faster-whisper", "--pcm-input"]
        # Without a file of its own it would fetch one to warm up.
        needed += ["--backend-policy", policy, "--warmup-file", str(WARMUP)]
        script = ("-P", str(LAUNCHERS / "whisperlivekit_server.py"), str(beam_size))
        arguments = (*script, *needed, *options)
        return Launch(arguments, {"OMP_NUM_THREADS": THREADS} if beam_size else {}, "/health")

    return launch


_SERIAL: Options = {"single_model": True, "max_clients": MANY, "max_connection_time": 7200}
_BATCH: Options = {
    "batch_enabled": True,
    "batch_max_size": 16,
    "batch_window_ms": 50,
    "batch_beam_size": 1,
    "batch_max_queue_wait_s": 1e6,
    "batch_max_admissions_per_s": 1e6,
}
_FAIR_REALTIMESTT = (
    *("--use-main-model-for-realtime", "--compute-type", "int8"),
    *("--beam-size", "1", "--beam-size-realtime", "1"),
    *("--max-sessions", str(MANY), "--max-active-speakers", str(MANY)),
)
_REALTIMESTT_LOSSES = re.compile(r"Discarding old audio chunks")
_WHISPER_LIVE_LOSSES = re.compile(r"Dropping [\d.]+s of audio|Failed to transcribe audio chunk")


def peers() -> list[Peer]:
    """All peers, the variants of one after the other."""
    return [
        Peer(
            name="whisper-live",
            package="whisper-live",
            variant=DEFAULTS,
            settings={"batch": False, "model": "one for each session, loaded when it connects"},
            launch=_whisper_live({}, warm=False),
            open_track=whisper_live.open_track,
            losses=_WHISPER_LIVE_LOSSES,
        ),
        Peer(
            name="whisper-live",
            package="whisper-live",
            variant=FAIREST,
            settings=_SERIAL | {"batch": False, "model": "warm", "beam": "1, patched"},
            launch=_whisper_live(_SERIAL, warm=True, beam_size=1),
            open_track=whisper_live.open_track,
            losses=_WHISPER_LIVE_LOSSES,
        ),
        Peer(
            name="whisper-live-batch",
            package="whisper-live",
            variant=DEFAULTS,
            settings={"batch": True, "model": "loaded at the first connection"},
            launch=_whisper_live({"batch_enabled": True}, warm=False),
            open_track=whisper_live.open_track,
            losses=_WHISPER_LIVE_LOSSES,
        ),
        Peer(
            name="whisper-live-batch",
            package="whisper-live",
            variant=FAIREST,
            settings=_SERIAL | _BATCH | {"model": "warm"},
            launch=_whisper_live(_SERIAL | _BATCH, warm=True, beam_size=1),
            open_track=whisper_live.open_track,
            losses=_WHISPER_LIVE_LOSSES,
        ),
        Peer(
            name="realtimestt",
            package="realtimestt",
            variant=DEFAULTS,
            settings={"model": "two of them: finals, interims", "beams": "5, 3", "sessions": 4},
            launch=_realtimestt((), threads=False),
            open_track=realtimestt.open_track,
            losses=_REALTIMESTT_LOSSES,
        ),
        Peer(
            name="realtimestt",
            package="realtimestt",
            variant=FAIREST,
            settings={
                "model": "one for finals and interims",
                "compute_type": "int8",
                "beams": "1, 1",
                "sessions": MANY,
            },
            launch=_realtimestt(_FAIR_REALTIMESTT, threads=True),
            open_track=realtimestt.open_track,
            losses=_REALTIMESTT_LOSSES,
        ),
        Peer(
            name="whisperlivekit",
            package="whisperlivekit",
            variant=DEFAULTS,
            settings={"policy": "localagreement", "asr_coalesce_min_s": 0, "beam": 5},
            launch=_whisperlivekit((), beam_size=0),
            open_track=whisperlivekit.open_track,
        ),
        # Told in the results with its reason: it cannot be run with a model of CTranslate2 alone.
        Peer(
            name="whisperlivekit-simul",
            package="whisperlivekit",
            variant=DEFAULTS,
            settings={"policy": ALIGNATT},
            launch=_whisperlivekit((), beam_size=0, policy=ALIGNATT),
            open_track=whisperlivekit.open_track,
        ),
        Peer(
            name="whisperlivekit",
            package="whisperlivekit",
            variant=FAIREST,
            settings={"policy": "localagreement", "asr_coalesce_min_s": 0.5, "beam": "1, patched"},
            launch=_whisperlivekit(("--asr-coalesce-min-s", "0.5"), beam_size=1),
            open_track=whisperlivekit.open_track,
        ),
    ]
