"""The systems that only transcribe recordings, by ``offline.py``, on the same data and model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offline import Plan, measure_all
from offline_report import NOTES
from offline_systems import peer_python, versions

from captioner.config import Settings

BEAMS = (5, 1)
BATCHES = (1, 4, 8, 16)
ROUNDS = 2
ENVIRONMENT = "whisper-ctranslate2"


def offline_part(data: Sequence[str], settings: Settings, folder: Path) -> dict[str, Any]:
    """Captioner, faster-whisper batched and whisper-ctranslate2 on recordings.

    Raises:
        CaptionerError: the data or the model cannot be read.
        Failed: an environment cannot be made, or a system did not answer.
    """
    peer = peer_python(folder / ENVIRONMENT)
    plan = Plan(
        data=tuple(data),
        beams=BEAMS,
        batch_sizes=BATCHES,
        repeat=ROUNDS,
        references=False,
        quick=False,
        scripted=False,
        peer=peer,
    )
    return {"systems": NOTES, "versions": versions(peer)} | measure_all(plan, settings)
