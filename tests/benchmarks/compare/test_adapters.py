from __future__ import annotations

import json
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from compare.adapters import realtimestt, whisper_live, whisperlivekit
from compare.connection import Reader, Text

from captioner.errors import ResourceExhausted, Unavailable

RECORDED = Path(__file__).with_name("recorded")
READERS: dict[str, Callable[[], Reader]] = {
    "whisper-live": whisper_live.SegmentReader,
    "realtimestt": realtimestt.SegmentReader,
    "whisperlivekit": whisperlivekit.TranscriptReader,
}


def recorded(peer: str) -> list[dict[str, Any]]:
    """What a server of the peer answered to the first 14 s of the first monologue."""
    lines = (RECORDED / f"{peer}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def replay(reader: Reader, messages: list[dict[str, Any]]) -> list[Text]:
    return [reader.text for message in messages if reader.read(message)]


@pytest.mark.parametrize("peer", list(READERS))
def test_a_recorded_session_ends_with_everything_final(peer: str) -> None:
    reader = READERS[peer]()
    texts = replay(reader, recorded(peer))
    assert reader.ready
    assert reader.lost == 0
    assert texts[-1].final.startswith("Est-ce que tu m'en veux")
    assert "au fond par une grille" in texts[-1].final
    assert texts[-1].pending == ""


@pytest.mark.parametrize("peer", list(READERS))
def test_a_recorded_session_shows_words_before_they_are_final(peer: str) -> None:
    texts = replay(READERS[peer](), recorded(peer))
    first = next(text for text in texts if text.pending)
    assert first.final == ""
    assert first.pending.startswith("Est-ce que tu")


@pytest.mark.parametrize("peer", list(READERS))
def test_what_is_final_only_grows(peer: str) -> None:
    finals = [text.final for text in replay(READERS[peer](), recorded(peer))]
    assert all(later.startswith(before) for before, later in pairwise(finals))


def test_completed_segments_are_kept_when_they_are_no_longer_repeated() -> None:
    reader = whisper_live.SegmentReader()
    for start, text in (("9.000", "un"), ("10.000", "deux")):
        segment = {"start": start, "end": "11.000", "text": f" {text}", "completed": True}
        reader.read({"segments": [segment]})
    assert reader.text == Text("un deux")


def test_an_interim_that_is_gone_is_no_longer_shown() -> None:
    reader = whisper_live.SegmentReader()
    segment = {"start": "0.000", "end": "1.000", "text": " peut-être", "completed": False}
    reader.read({"segments": [segment]})
    assert reader.text == Text("", "peut-être")
    reader.read({"segments": []})
    assert reader.text == Text("")


def test_whisper_live_refuses_with_a_wait() -> None:
    with pytest.raises(ResourceExhausted, match=r"wait for 9\.50 minutes"):
        whisper_live.SegmentReader().read({"uid": "1", "status": "WAIT", "message": 9.5})


def test_whisper_live_tells_when_it_cannot_serve() -> None:
    with pytest.raises(Unavailable, match="no model"):
        whisper_live.SegmentReader().read({"status": "ERROR", "message": "no model"})
    with pytest.raises(Unavailable, match="time"):
        whisper_live.SegmentReader().read({"uid": "1", "message": "DISCONNECT"})


def test_realtimestt_refuses_at_its_limit_of_sessions() -> None:
    message = {"type": "error", "where": "admission", "message": "at the limit"}
    with pytest.raises(ResourceExhausted, match="at the limit"):
        realtimestt.SegmentReader().read(message)


def test_realtimestt_tells_what_it_lost() -> None:
    reader = realtimestt.SegmentReader()
    reader.read({"type": "error", "where": "final", "message": "queue full"})
    reader.read({"type": "warning", "message": "audio was rejected"})
    assert reader.lost == 2


def test_an_interim_that_comes_after_its_final_is_not_shown() -> None:
    reader = realtimestt.SegmentReader()
    reader.read({"type": "final", "segmentId": 1, "text": "fini"})
    reader.read({"type": "realtime", "segmentId": 1, "text": "fin"})
    reader.read({"type": "realtime", "segmentId": 2, "text": "suite"})
    assert reader.text == Text("fini", "suite")


def test_realtimestt_has_stable_text_until_the_final() -> None:
    reader = realtimestt.SegmentReader()
    interim = {"type": "realtime", "segmentId": 1, "text": "un deux", "stableText": "un"}
    reader.read(interim)
    assert reader.text == Text("", "un deux", "un")
    reader.read({"type": "final", "segmentId": 1, "text": "Un deux."})
    assert reader.text == Text("Un deux.")


def test_realtimestt_is_busy_until_every_recording_has_its_final() -> None:
    reader = realtimestt.SegmentReader()
    reader.read({"type": "timeline", "event": "recording_started"})
    reader.read({"type": "timeline", "event": "recording_started"})
    reader.read({"type": "final", "segmentId": 1, "text": "un"})
    assert reader.busy
    reader.read({"type": "final", "segmentId": 2, "text": "deux"})
    assert not reader.busy


def test_samples_are_framed_as_realtimestt_takes_them() -> None:
    framed = realtimestt.packet(b"\x01\x00" * 1600)
    (length,) = struct.unpack("<I", framed[:4])
    fields = json.loads(framed[4 : 4 + length])
    assert fields == {
        "sampleRate": 16_000,
        "channels": 1,
        "format": "pcm_s16le",
        "frames": 1600,
    }
    assert framed[4 + length :] == b"\x01\x00" * 1600


def test_whisperlivekit_shows_no_lines_of_silence() -> None:
    reader = whisperlivekit.TranscriptReader()
    lines = [{"speaker": 1, "text": " Oui."}, {"speaker": -2, "text": None}]
    reader.read({"lines": lines, "buffer_transcription": " et"})
    assert reader.text == Text("Oui.", "et")


def test_whisperlivekit_tells_when_it_cannot_serve() -> None:
    with pytest.raises(Unavailable, match="bad language"):
        whisperlivekit.TranscriptReader().read({"type": "error", "error": "bad language"})
