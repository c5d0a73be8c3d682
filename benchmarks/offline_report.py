"""The table of offline transcription, what is said of its systems, and files put together."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from offline_figures import GOAL
from offline_systems import COMMAND
from offline_worker import BATCHED, CAPTIONER, SCRIPTED, SEQUENTIAL
from reporting import percent, seconds
from rich.table import Table
from rich.text import Text

from captioner.errors import InvalidRequest

NOTES = {
    CAPTIONER: "captioner.batch.local: one worker a core with one thread each, its own voice "
    "detection, windows and batches; all files as one job; word times always",
    BATCHED: "BatchedInferencePipeline in one process, cpu_threads = cores, its own voice "
    "detection, a file at a time (it takes no more), the fastest of the batch sizes tried on the "
    "long recording",
    COMMAND: "--batched True, a process for all files of a data set, --threads = cores, its own "
    "voice detection, the batch size that is fastest for faster-whisper; what it takes for one "
    "second of silence is its loading, and taken away",
    SEQUENTIAL: "WhisperModel.transcribe, cpu_threads = cores, vad_filter=True, its own defaults "
    "otherwise (temperature fallback, previous text as context)",
}
COLUMNS = (
    "times real time",
    "captioner faster",
    "CPU s / s",
    "less CPU",
    "MiB",
    "WER %",
    "numbers %",
    "CER %",
    "starts off",
    "ends off",
    "noise words",
)


def results_table(found: dict[str, Any]) -> Table:
    """What is known of a data set: a line for each system and beam size."""
    table = Table("", "beam", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for result in found["results"]:
        table.add_row(name_of(result), str(result["beam_size"]), *_cells(result))
    return table


def name_of(result: dict[str, Any]) -> str:
    """A system as it was told to work."""
    notes = [f"batch {result['batch_size']}"] if result["batch_size"] else []
    notes += [] if result["word_times"] else ["no word times"]
    return f"{result['system']} ({', '.join(notes)})" if notes else str(result["system"])


def _cells(result: dict[str, Any]) -> list[Text | str]:
    speed = result["speed"]
    return [
        f"{speed['median']:.1f} ({speed['least']:.1f}-{speed['most']:.1f})",
        _ratio(result),
        f"{result['cpu_per_audio_second']['median']:.3f}",
        _times(result, "captioner_uses_less_cpu"),
        str(result["peak_memory_mib"]),
        percent(_number(result["wer"])),
        percent(_number(result["wer_numbers"])),
        percent(_number(result["cer"])),
        seconds(_number(result["word_starts_off"])),
        seconds(_number(result["word_ends_off"])),
        str(result["words_on_noise"]),
    ]


def _ratio(result: dict[str, Any]) -> Text:
    """How many times faster we are; marked where it is less than it should be."""
    peer = result["system"] in (BATCHED, COMMAND) and result["word_times"]
    missed = peer and _number(result["captioner_is_faster"]["median"]) < GOAL
    shown = _times(result, "captioner_is_faster")
    return Text(shown + (" !" if missed else ""), "red" if missed else "")


def _times(result: dict[str, Any], name: str) -> str:
    if result["system"] in (CAPTIONER, SCRIPTED):
        return "-"
    value = _number(result[name]["median"])
    return "-" if math.isnan(value) else f"{value:.2f} x"


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def merged(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """New results, with what a result file has of other data sets.

    Raises:
        InvalidRequest: the file is none of this benchmark and machine.
    """
    if not path.exists():
        return content
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        same = earlier["benchmark"] == content["benchmark"]
        same = same and earlier["machine"]["cpu"] == content["machine"]["cpu"]
        data = earlier["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(f"{path} cannot be added to: {error!r}") from None
    if not same:
        raise InvalidRequest(f"{path} was measured by another benchmark or on another machine")
    return content | {"data": data | content["data"]}
