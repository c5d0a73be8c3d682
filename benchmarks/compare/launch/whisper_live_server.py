"""WhisperLive as a server: run by the Python of its own environment, with a task as JSON.

``options`` go to its ``run``; ``warm`` loads the model, and decodes a second of noise, before
anybody may connect, where it would otherwise load at the first connection; ``beam_size`` is what
the decoder of a shared model uses when nobody asks for another, for there is no option for it.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
from typing import Any

SAMPLE_RATE = 16_000


def shared_model(task: dict[str, Any]) -> Any:  # noqa: ANN401 - no types
    """The model that all sessions share, loaded as WhisperLive does, and warm."""
    import numpy as np

    transcriber = importlib.import_module("whisper_live.transcriber.transcriber_faster_whisper")
    model = transcriber.WhisperModel(
        task["model"], device="cpu", compute_type=task["compute_type"], local_files_only=True
    )
    if task["beam_size"]:
        model.transcribe = functools.partial(model.transcribe, beam_size=task["beam_size"])
    noise = np.random.default_rng(0).normal(0, 0.05, SAMPLE_RATE).astype(np.float32)
    segments, _ = model.transcribe(noise, language="fr")
    list(segments)
    return model


def start(task: dict[str, Any]) -> None:
    """Serve until the process is ended."""
    server = importlib.import_module("whisper_live.server")
    backend = importlib.import_module("whisper_live.backend.faster_whisper_backend")
    if task["warm"]:
        backend.ServeClientFasterWhisper.SINGLE_MODEL = shared_model(task)
    server.TranscriptionServer().run(
        "127.0.0.1",
        port=task["port"],
        backend="faster_whisper",
        faster_whisper_custom_model_path=task["model"],
        **task["options"],
    )


if __name__ == "__main__":
    start(json.loads(sys.argv[1]))
