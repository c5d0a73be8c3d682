"""The systems that only transcribe recordings, by ``offline.py``, on the same data and model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offline import QUICK_BATCH, Plan, measure_all
from offline_report import NOTES
from offline_systems import peer_python, versions

from captioner.config import Settings

BEAMS = (5, 1)
BATCHES = (1, 4, 8, 16)
ROUNDS = 2
ENVIRONMENT = "whisper-ctranslate2"


def offline_part(
    data: Sequence[str], settings: Settings, folder: Path, *, quick: bool = False
) -> dict[str, Any]:
    """Captioner, faster-whisper batched and whisper-ctranslate2 on recordings.

    Args:
        data: data sets.
        settings: the model, and those of Captioner.
        folder: where the environments of peers are.
        quick: a few files, once: a first look.

    Raises:
        CaptionerError: the data or the model cannot be read.
        Failed: an environment cannot be made, or a system did not answer.
    """
    peer = peer_python(folder / ENVIRONMENT)
    plan = Plan(
        data=tuple(data),
        beams=BEAMS,
        batch_sizes=(QUICK_BATCH,) if quick else BATCHES,
        repeat=1 if quick else ROUNDS,
        references=False,
        quick=quick,
        scripted=False,
        peer=peer,
    )
    return {"systems": NOTES, "versions": versions(peer)} | measure_all(plan, settings)
