from __future__ import annotations

import json
from pathlib import Path

import pytest

from captioner.cli.pairing import PREFERRED, Pairing, pair_up
from captioner.errors import InvalidRequest
from captioner.subtitles.reading import PARSERS

TRACKS = [{"file": "one.flac", "text": "un"}, {"file": "two.flac", "text": "deux"}]
MEETING = {
    "claire": {"file": "c.flac", "utterances": [{"text": "bonjour", "start": 1}]},
    "luc": {"file": "l.flac", "utterances": [{"text": "oui", "start": 2}]},
}


def put(folder: Path, **texts: object) -> Path:
    """Files by name, ``__`` for the dot and ``_`` for the slash."""
    for name, content in texts.items():
        path = folder / name.replace("__", ".").replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


def texts_of(pairing: Pairing) -> dict[str, tuple[str, str]]:
    return {
        pair.name: (
            " ".join(utterance.text for utterance in pair.reference.read()),
            " ".join(utterance.text for utterance in pair.hypothesis.read()),
        )
        for pair in pairing.pairs
    }


def test_every_format_that_is_read_has_its_place() -> None:
    assert set(PREFERRED) == set(PARSERS)


def test_two_files_are_a_pair_whatever_their_names(tmp_path: Path) -> None:
    put(tmp_path, a__txt="un", b__txt="deux")
    pairing = pair_up(tmp_path / "a.txt", tmp_path / "b.txt")
    assert texts_of(pairing) == {"b.txt": ("un", "deux")}


def test_folders_are_paired_by_the_paths_of_their_files_without_suffix(tmp_path: Path) -> None:
    references = put(tmp_path / "refs", talk__txt="un", sub_talk__txt="deux", lost__txt="trois")
    vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nquatre\n"
    texts = put(tmp_path / "texts", talk__vtt=vtt, sub_talk__txt="cinq", extra__txt="six")
    pairing = pair_up(references, texts)
    assert texts_of(pairing) == {"sub/talk": ("deux", "cinq"), "talk": ("un", "quatre")}
    assert pairing.missing == (str(references / "lost.txt"),)
    assert pairing.unjudged == (str(texts / "extra.txt"),)


def test_of_several_formats_the_one_that_tells_the_most_is_read(tmp_path: Path) -> None:
    references = put(tmp_path / "refs", a__txt="un")
    texts = put(tmp_path / "texts", a__txt="txt", a__srt="srt", a__json={"text": "json"})
    assert texts_of(pair_up(references, texts)) == {"a": ("un", "json")}


def test_hidden_files_and_reports_and_others_are_no_texts(tmp_path: Path) -> None:
    references = put(tmp_path / "refs", a__txt="un")
    texts = put(tmp_path / "texts", a__txt="un", __b__txt="part", c__flac="", __d_e__txt="part")
    put(texts, report__json={"files": []})
    assert pair_up(references, texts).unjudged == ()


@pytest.mark.parametrize("given", ["", "truth.json"])
def test_the_tracks_of_a_truth_are_references(tmp_path: Path, given: str) -> None:
    references = put(tmp_path / "refs", truth__json=TRACKS)
    texts = put(tmp_path / "texts", one__txt="un", two__txt="doux")
    pairing = pair_up(references / given, texts)
    assert texts_of(pairing) == {"one": ("un", "un"), "two": ("deux", "doux")}


def test_a_file_is_judged_by_the_track_of_its_name(tmp_path: Path) -> None:
    put(tmp_path, truth__json=TRACKS, two__txt="doux")
    pairing = pair_up(tmp_path / "truth.json", tmp_path / "two.txt")
    assert texts_of(pairing) == {"two.txt": ("deux", "doux")}


def test_a_meeting_is_judged_whole_or_by_one_of_its_tracks(tmp_path: Path) -> None:
    put(tmp_path, truth__json=MEETING, all__txt="x", l__txt="y")
    truth = tmp_path / "truth.json"
    assert texts_of(pair_up(truth, tmp_path / "all.txt")) == {"all.txt": ("bonjour oui", "x")}
    assert texts_of(pair_up(truth, tmp_path / "l.txt")) == {"l.txt": ("oui", "y")}


def test_the_only_track_of_a_truth_judges_any_file(tmp_path: Path) -> None:
    put(tmp_path, truth__json=TRACKS[:1], other__txt="x")
    pairing = pair_up(tmp_path / "truth.json", tmp_path / "other.txt")
    assert texts_of(pairing) == {"other.txt": ("un", "x")}


def test_a_track_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    put(tmp_path, truth__json=TRACKS, three__txt="x")
    with pytest.raises(InvalidRequest, match="no track of the name three: found one, two"):
        pair_up(tmp_path / "truth.json", tmp_path / "three.txt")


def test_folders_without_a_name_in_common_are_refused(tmp_path: Path) -> None:
    references = put(tmp_path / "refs", **{f"r{n}__txt": "un" for n in range(7)})
    texts = put(tmp_path / "texts", b__txt="un")
    with pytest.raises(InvalidRequest, match="found b, expected r0, r1, r2, r3, r4, 2 more"):
        pair_up(references, texts)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    references = put(tmp_path / "refs", a__txt="un")
    with pytest.raises(InvalidRequest, match="has no text"):
        pair_up(references, put(tmp_path / "texts", a__flac=""))


def test_one_text_is_not_judged_by_a_folder_nor_a_folder_by_one_text(tmp_path: Path) -> None:
    references = put(tmp_path / "refs", a__txt="un", b__json={"text": "deux"})
    with pytest.raises(InvalidRequest, match="is a folder but"):
        pair_up(references, references / "a.txt")
    with pytest.raises(InvalidRequest, match="is one text"):
        pair_up(references / "b.json", references)
