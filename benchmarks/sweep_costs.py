"""What a batch costs the engine: a model of its time, fitted to measurements on this machine.

    python benchmarks/sweep_costs.py

A batch costs, for each row, its encoding and its alignment, and for each step of the decoder the
weights that are read once and what each row adds: its share of the encoder's memory, more for
every beam. Both workers compute at once when there is much to do, and slow each other down.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from recordings import make_takes
from reporting import RESULTS, save_json

from captioner.asr.engine import DecodeRow, Engine
from captioner.asr.window import MEL_HOP
from captioner.config import Settings
from captioner.service import whisper_factory
from captioner.streaming.audio import SessionAudio
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE, Hypothesis

COSTS = RESULTS / "engine-costs.json"
FRAMES_A_SECOND = SAMPLE_RATE // MEL_HOP
SPEECH = (2, 4, 6, 10)  # seconds of speech in the windows that are timed
SHAPES = ((1, 1), (4, 1), (8, 1), (1, 5), (4, 5))  # rows and beams
WINDOWS = ("3", "4", "5", "6", "8", "10", "14", "20", "30")  # seconds
# seconds of one core of the reference machine
ENCODING = (0.029, 0.038, 0.05, 0.062, 0.086, 0.118, 0.187, 0.31, 0.78)
LONG_ROWS = 4  # rows that the longest window is timed with at most


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one worker."""

    encode: dict[str, float] = field(
        default_factory=lambda: dict(zip(WINDOWS, ENCODING, strict=True))
    )
    """A row, by the seconds of its window."""
    step: float = 0.005
    """A step of the decoder: its weights are read."""
    row: float = 0.0005
    """A row in a step."""
    row_second: float = 0.0002
    """A second of a row's window in a step."""
    beam: float = 0.0006
    """Each further beam of a row in a step."""
    align: float = 0.015
    """A row's words."""
    shared: float = 1.25
    """How many times longer everything takes while the other worker computes too."""

    def encoding(self, seconds: float) -> float:
        """Seconds to encode one window."""
        known = sorted((float(length), cost) for length, cost in self.encode.items())
        lengths, costs = zip((0.0, 0.0), *known, strict=True)
        return float(np.interp(seconds, lengths, costs))

    def batch(self, rows: Sequence[DecodeRow], steps: Sequence[int]) -> float:
        """Seconds for a batch whose rows take so many steps."""
        return sum(self.parts(rows, steps).values())

    def parts(self, rows: Sequence[DecodeRow], steps: Sequence[int]) -> dict[str, float]:
        """Where these seconds go: a row that has ended costs the decoder nothing more."""
        seconds = rows[0].features.shape[1] / FRAMES_A_SECOND
        each = self.row + seconds * self.row_second + (rows[0].beam_size - 1) * self.beam
        return {
            "encode": sum(self.encoding(_encoded(row)) for row in rows),
            "decode": max(steps) * self.step + sum(steps) * each,
            "align": len(rows) * self.align,
        }


def _encoded(row: DecodeRow) -> float:
    """Seconds of a row's window that are encoded."""
    return (row.needed_frames or row.features.shape[1]) / FRAMES_A_SECOND


def read_costs(path: Path = COSTS) -> Costs:
    """What was measured last; the defaults where nothing was."""
    if not path.exists():
        return Costs()
    return Costs(**json.loads(path.read_text(encoding="utf-8"))["costs"])


def steps_of(hypothesis: Hypothesis) -> int:
    """Steps of the decoder behind a hypothesis: its tokens and the end of text."""
    return sum(len(tokens) for tokens in hypothesis.word_tokens) + 1


def main() -> None:
    """Measure and save."""
    engine = whisper_factory(Settings())()
    alone = list(_timings(engine))
    shared = list(_beside(engine, lambda: list(_timings(engine, few=True))))
    costs = fit(alone)
    ratio = [seconds / costs.batch(rows, steps) for rows, steps, seconds in shared]
    costs = replace(costs, shared=round(max(1.0, float(np.median(ratio))), 3))
    save_json(COSTS, {"costs": asdict(costs), "window": "s + 4", "model": engine.info.model})
    print(json.dumps(asdict(costs), indent=1))


Timing = tuple[list[DecodeRow], list[int], float]


def _timings(engine: Engine, *, few: bool = False) -> Iterator[Timing]:
    rows_of = _windows(engine)
    for speech in SPEECH[1:2] if few else SPEECH:
        for count, beam in SHAPES:
            if speech == max(SPEECH) and count > LONG_ROWS:
                continue
            rows = [replace(row, beam_size=beam) for row in rows_of(speech, count)]
            best = min((_timed(engine, rows) for _ in range(2)), key=lambda timing: timing[2])
            yield best


def _timed(engine: Engine, rows: list[DecodeRow]) -> Timing:
    begun = time.perf_counter()
    answers = engine.decode(rows)
    seconds = time.perf_counter() - begun
    steps = [steps_of(each) for each in answers if isinstance(each, Hypothesis)]
    return rows, steps, seconds


def _windows(engine: Engine) -> Callable[[int, int], list[DecodeRow]]:
    settings = StreamingSettings(window=engine.info.window, n_mels=engine.info.n_mels)
    audios = []
    for take in make_takes("monologues", 4):
        audio = SessionAudio(0, engine.info.n_mels)
        audio.append(np.frombuffer(take.audio, np.int16).astype(np.float32) / np.float32(32768))
        audios.append(audio)

    def rows(speech: int, count: int) -> list[DecodeRow]:
        found = []
        for index in range(count):
            start = (3 * SAMPLE_RATE * (index + 1)) // MEL_HOP * MEL_HOP
            stop = start + speech * SAMPLE_RATE
            features = audios[index % len(audios)].features(start, stop, settings.window)
            found.append(DecodeRow(features, speech * FRAMES_A_SECOND, language="fr", retry=False))
        return found

    return rows


def _beside(engine: Engine, measure: Callable[[], list[Timing]]) -> list[Timing]:
    """Measure while another worker computes."""
    rows = _windows(engine)(4, 4)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            engine.decode(rows)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        return measure()
    finally:
        over.set()
        worker.join()


def fit(timings: Sequence[Timing]) -> Costs:
    """The costs that explain timings best; encoding by the length of the window."""
    lengths = sorted({rows[0].features.shape[1] / FRAMES_A_SECOND for rows, _, _ in timings})
    align = Costs().align
    table: list[list[float]] = []
    seconds: list[float] = []
    for rows, steps, took in timings:
        length = rows[0].features.shape[1] / FRAMES_A_SECOND
        encode = [len(rows) if length == each else 0 for each in lengths]
        done = sum(steps)
        line = [*encode, max(steps), done, done * length, done * (rows[0].beam_size - 1)]
        table.append([value / took for value in line])  # errors are relative
        seconds.append((took - len(rows) * align) / took)
    solved, *_ = np.linalg.lstsq(np.array(table), np.array(seconds), rcond=None)
    found = [max(0.0, round(float(value), 6)) for value in solved]
    known = {f"{length:g}": cost for length, cost in zip(lengths, found, strict=False)}
    known["30"] = round(known[f"{max(lengths):g}"] * (30 / max(lengths)) ** 1.6, 4)
    step, row, row_second, beam = found[len(lengths) :]
    return Costs(known, step=step, row=row, row_second=row_second, beam=beam, align=align)


if __name__ == "__main__":
    main()
