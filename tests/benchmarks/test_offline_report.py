from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from offline_plot import plot_results
from offline_report import merged, results_table
from rich.console import Console

from captioner.errors import InvalidRequest


def result(system: str, *, ratio: float = 1.0, wer: float | None = 0.1) -> dict[str, Any]:
    spread = {"median": 10.0, "least": 9.0, "most": 12.0}
    return {
        "system": system,
        "beam_size": 5,
        "batch_size": 0,
        "word_times": True,
        "speed": spread,
        "captioner_is_faster": {"median": ratio, "least": ratio, "most": ratio},
        "captioner_uses_less_cpu": {"median": None, "least": None, "most": None},
        "cpu_per_audio_second": {"median": 0.1, "least": 0.1, "most": 0.1},
        "peak_memory_mib": 500,
        "wer": wer,
        "wer_numbers": wer,
        "cer": wer,
        "word_starts_off": None,
        "word_ends_off": 0.04,
        "words_on_noise": 0,
    }


def content(**data: list[dict[str, Any]]) -> dict[str, Any]:
    found = {name: {"results": results} for name, results in data.items()}
    return {"benchmark": "offline", "machine": {"cpu": "z80"}, "data": found}


def lines(results: list[dict[str, Any]]) -> list[str]:
    console = Console(width=250, force_terminal=False)
    with console.capture() as capture:
        console.print(results_table({"results": results}))
    return capture.get().splitlines()[1:]


def test_a_peer_that_is_not_left_behind_is_marked() -> None:
    near = result("faster-whisper batched", ratio=1.99)
    far = result("whisper-ctranslate2", ratio=2.0)
    reference = result("faster-whisper sequential", ratio=1.5)
    shown = lines([result("captioner"), near, far, reference])
    assert "10.0 (9.0-12.0)" in shown[0]
    assert ["!" in line for line in shown] == [False, True, False, False]
    assert "1.99 x !" in shown[1]


def test_a_variant_without_word_times_is_no_goal() -> None:
    bare = result("faster-whisper batched") | {"word_times": False, "batch_size": 8}
    (shown,) = lines([bare])
    assert "(batch 8, no word times)" in shown
    assert "!" not in shown


def test_what_is_not_known_is_a_dash() -> None:
    (shown,) = lines([result("faster-whisper sequential", wer=None)])
    assert shown.split()[-6:] == ["-", "-", "-", "-", "0.04", "0"]


def test_results_are_added_to_those_of_other_data(tmp_path: Path) -> None:
    path = tmp_path / "offline.json"
    new = content(real=[result("captioner")])
    assert merged(path, new) == new
    path.write_text(json.dumps(content(real=[], meeting=[])), encoding="utf-8")
    both = merged(path, new)
    assert list(both["data"]) == ["real", "meeting"]
    assert both["data"]["real"] == new["data"]["real"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be added to"),
        ("[]", "cannot be added to"),
        (json.dumps(content() | {"benchmark": "live"}), "another benchmark"),
        (json.dumps(content() | {"machine": {"cpu": "6502"}}), "another machine"),
    ],
)
def test_results_are_not_added_to_anything_else(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "offline.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest, match=told):
        merged(path, content(real=[]))


def test_the_plot_leaves_out_data_without_errors(tmp_path: Path) -> None:
    noise = [result("captioner", wer=None)]
    plot_results(tmp_path / "none.png", content(noise=noise))
    assert not (tmp_path / "none.png").exists()
    known = [result("captioner"), result("autre", wer=0.2)]
    plot_results(tmp_path / "some.png", content(noise=noise, real=known, meeting=known))
    assert (tmp_path / "some.png").read_bytes().startswith(b"\x89PNG")
