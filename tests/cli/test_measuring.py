from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from captioner.cli.measuring import Observer, figures, read_meeting
from captioner.errors import InvalidRequest
from captioner.evaluation.truth import TimedWord
from captioner.transcript import Caption, Word

TRUTH = (
    TimedWord("Bonjour", 0.0, 0.5),
    TimedWord("à", 0.5, 0.6),
    TimedWord("tous.", 0.6, 1.0),
    TimedWord("Bien.", 5.0, 5.5),
)


def caption(text: str, *, number: int = 1, final: bool, committed: int = 0) -> Caption:
    words = tuple(Word(word, 0, 1, 1.0) for word in text.split())
    return Caption(number, 1, 0, 1, words, committed, final, "fr")


def shown(observer: Observer, *, until: float, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(figures(observer.scores({"a": TRUTH}, until=until), width=width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def observer() -> Observer:
    observer = Observer()
    observer.see("a", caption("Bonjour", final=False), 0.9)
    observer.see("a", caption("Bonjour à tout", final=False, committed=1), 1.4)
    observer.see("a", caption("Bonjour à tous.", final=True), 2.0)
    return observer


def test_the_bundled_meeting_has_three_tracks_with_their_words(recordings: Path) -> None:
    tracks = read_meeting(recordings / "meeting")
    assert [track.name for track in tracks] == ["claire", "julien", "sophie"]
    assert all(track.file.is_file() and track.words for track in tracks)


@pytest.mark.parametrize("content", [None, "no", "[]", '{"a": {}}', '{"a": {"file": "a.wav"}}'])
def test_a_folder_without_truth_is_refused_with_its_name(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "truth.json").write_text(content)
    with pytest.raises(InvalidRequest):
        read_meeting(tmp_path)


def test_latencies_are_counted_from_the_end_of_each_word(observer: Observer) -> None:
    (score,) = observer.scores({"a": TRUTH}, until=3.0)
    assert sorted(score.displayed) == pytest.approx([0.4, 0.8, 1.0])
    assert sorted(score.stable) == pytest.approx([0.9, 1.0, 1.4])
    assert score.finalised == pytest.approx((1.0,))


def test_only_what_was_said_by_then_counts(observer: Observer) -> None:
    (score,) = observer.scores({"a": TRUTH}, until=3.0)
    assert (score.reference_words, score.words.rate) == (3, 0.0)
    (score,) = observer.scores({"a": TRUTH})
    assert (score.reference_words, score.tail) == (4, 1)


def test_the_table_tells_latencies_and_errors(observer: Observer) -> None:
    rows = {line.split()[0]: line for line in shown(observer, until=9).splitlines() if line.split()}
    assert "0.80 s" in rows["displayed"]
    assert "1.00 s" in rows["final"]
    assert "25.0 %" in rows["word"]
    assert "of 4 words: 0 wrong, 1 missing, 0 too many; 1 lost at the end" in rows["word"]


def test_a_narrow_table_has_the_figures_alone(observer: Observer) -> None:
    rows = shown(observer, until=9, width=44).splitlines()
    assert max(len(row) for row in rows) <= 44
    assert len(rows) == 6


def test_a_run_in_which_nothing_was_said_has_no_figures() -> None:
    rows = shown(Observer(), until=0.1).splitlines()
    assert any(row.split()[:3] == ["displayed", "-", "-"] for row in rows)


def test_a_meeting_can_be_written_as_its_words(tmp_path: Path) -> None:
    words = [{"word": "Oui.", "start": 0.0, "end": 0.4}]
    (tmp_path / "truth.json").write_text(
        json.dumps({"a": {"file": "a.wav", "utterances": [{"words": words}]}})
    )
    (track,) = read_meeting(tmp_path)
    assert track.words == (TimedWord("Oui.", 0.0, 0.4),)
    assert track.file == tmp_path / "a.wav"
