from __future__ import annotations

import io

import pytest
from rich.console import Console

from captioner.cli.display import Line, PlainDisplay, Status
from captioner.cli.meeting import Meeting, summary
from captioner.live import Captioned, Ended, Gap, Progress, Reconnect, SpeechStarted, Started
from captioner.transcript import SAMPLE_RATE, Caption, Word

SPEAKERS = {"a": "Claire", "b": "Julien"}


class RecordingDisplay(PlainDisplay):
    """Keeps what it was told instead of printing it."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO()))
        self.lines: list[Line] = []
        self.notes: list[str] = []
        self.status = Status()

    def show(self, line: Line) -> None:
        self.lines.append(line)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def tell(self, status: Status) -> None:
        self.status = status


@pytest.fixture
def display() -> RecordingDisplay:
    return RecordingDisplay()


def said(text: str, *, start: float = 0.0, final: bool = True, committed: int = 0) -> Captioned:
    place = round(start * SAMPLE_RATE)
    words = tuple(
        Word(word, place + number * SAMPLE_RATE, place + (number + 1) * SAMPLE_RATE, 0.9)
        for number, word in enumerate(text.split())
    )
    end = words[-1].end if words else place
    return Captioned(Caption(1, 1, place, end, words, committed, final, "fr"))


def test_an_interim_is_shown_in_its_two_parts(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS, start_at=60)
    meeting.receive("a", said("un deux trois", start=2, final=False, committed=1), at=5)
    assert display.lines == [Line("Claire", 62, "un", "deux trois", final=False, caption=1)]
    assert meeting.finals == []


def test_a_final_is_shown_whole_and_kept(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS)
    meeting.receive("a", said("un deux"), at=3)
    assert display.lines == [Line("Claire", 0, "un deux", "", final=True, caption=1)]
    assert [spoken.caption.text for spoken in meeting.finals] == ["un deux"]


def test_finals_are_where_they_are_in_the_recording(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS, start_at=60)
    meeting.receive("a", said("un", start=2), at=5)
    caption = meeting.finals[0].caption
    assert caption.start == caption.words[0].start == 62 * SAMPLE_RATE
    assert caption.end == caption.words[0].end == 63 * SAMPLE_RATE


def test_french_is_shown_with_its_spaces(display: RecordingDisplay) -> None:
    Meeting(display, SPEAKERS).receive("a", said("ça va ?"), at=5)
    assert display.lines[0].text == "ça va\u202f?"


def test_finals_are_in_the_order_in_which_they_were_said(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS)
    meeting.receive("b", said("second", start=5), at=7)
    meeting.receive("a", said("premier", start=1), at=8)
    assert [(it.speaker, it.caption.text) for it in meeting.finals] == [
        ("Claire", "premier"),
        ("Julien", "second"),
    ]


def test_an_empty_final_is_shown_but_neither_kept_nor_counted(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS)
    meeting.receive("a", said(""), at=3)
    assert display.lines[0].final
    assert meeting.finals == []
    assert meeting.tally.captions == 0


def test_the_delay_of_a_final_counts_from_the_end_of_its_last_word(
    display: RecordingDisplay,
) -> None:
    meeting = Meeting(display, SPEAKERS)
    meeting.receive("a", said("un deux", start=1), at=4.5)
    assert meeting.tally.delays == [1.5]
    assert meeting.tally.words == 2


def test_a_listener_is_told_of_every_caption(display: RecordingDisplay) -> None:
    heard: list[tuple[str, str, float]] = []
    meeting = Meeting(
        display,
        SPEAKERS,
        listener=lambda track, caption, at: heard.append((track, caption.text, at)),
    )
    meeting.receive("b", said("un", final=False), at=1)
    meeting.receive("b", said("un"), at=2)
    assert heard == [("b", "un", 1), ("b", "un", 2)]


def test_the_status_tells_where_the_recording_is(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS, start_at=60, duration=30)
    meeting.receive("a", said("un"), at=2)
    meeting.advance(12)
    assert display.status == Status(position=72, duration=90, captions=1)
    meeting.advance(40)
    assert display.status.position == 90


def test_the_status_tells_the_lag_of_the_track_that_is_worst(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS)
    meeting.receive("a", Progress(0, 0, 3.0, 0), at=1)
    meeting.receive("b", Progress(0, 0, 1.0, 0), at=1)
    meeting.advance(1)
    assert display.status.lag == 3
    meeting.receive("a", Ended(0, 0, 0, 0), at=2)
    meeting.advance(2)
    assert display.status.lag == 1


def test_a_server_that_goes_away_is_noticed_until_another_takes_over(
    display: RecordingDisplay,
) -> None:
    meeting = Meeting(display, SPEAKERS)
    meeting.receive("a", Reconnect(1.0, "draining"), at=1)
    meeting.advance(1)
    assert "reconnecting" in display.status.notice
    meeting.receive("a", Started("s", "t", 0, 1), at=2)
    meeting.advance(2)
    assert display.status.notice == ""


def test_a_gap_is_told(display: RecordingDisplay) -> None:
    Meeting(display, SPEAKERS).receive("a", Gap(SAMPLE_RATE, 3 * SAMPLE_RATE), at=4)
    assert display.notes == ["Claire: no sound from 00:01 to 00:03"]


def test_the_beginning_of_speech_shows_nothing(display: RecordingDisplay) -> None:
    Meeting(display, SPEAKERS).receive("a", SpeechStarted(0), at=4)
    assert (display.lines, display.notes) == ([], [])


def test_a_track_that_fails_is_told_at_once_and_at_the_end(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS)
    meeting.fail("b", "b.flac is truncated")
    assert display.notes == ["Julien: b.flac is truncated"]
    assert meeting.problems == ["b.flac is truncated"]


def test_the_summary_counts_and_tells_how_late_finals_were(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS)
    for start in range(20):
        meeting.receive("a", said("un", start=start), at=start + 1 + 0.5 + (start == 19))
    assert summary(meeting, tracks=1, seconds=61) == (
        "1 track, 01:01 played, 20 captions, 20 words; "
        "finals came 0.5 s after their last word, 95 % within 0.5 s"
    )


def test_the_summary_of_silence_has_no_delays(display: RecordingDisplay) -> None:
    meeting = Meeting(display, SPEAKERS)
    assert summary(meeting, tracks=2, seconds=1) == "2 tracks, 00:01 played, 0 captions, 0 words"
