from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from subtitle_samples import PROVENANCE

from captioner.cli.exits import ExitCode
from captioner.cli.root import captioner
from captioner.subtitles.formats import FORMATS

REFERENCE = "Le conseil municipal a adopté le budget à une large majorité.\n"
HYPOTHESIS = """\
WEBVTT

00:00.000 --> 00:03.000
Le conseil municipal a pas adopter

00:03.000 --> 00:05.000
le budget à une majorité !
"""

PRINTED = """\
talk.vtt   S substituted, D deleted, I inserted

00:00  ref  le conseil municipal a *** adopté  le budget à une large majorité
       hyp  le conseil municipal a pas adopter le budget à une ***** majorité
                                   I   S                       D

WER          27.3 %   (no interval: fewer than 10 stretches of the text)
CER          20.0 %
words        11 in the reference: 9 right, 1 substituted, 1 deleted; 1 inserted
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put("talk.txt", REFERENCE)
    put("talk.vtt", HYPOTHESIS)
    return tmp_path


def put(name: str, content: object) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def run(*arguments: str, code: int = ExitCode.OK) -> Result:
    result = CliRunner().invoke(captioner, ["evaluate", *arguments])
    assert result.exit_code == code, result.output
    return result


def figures(*arguments: str, code: int = ExitCode.OK) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return found


def trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@pytest.mark.usefixtures("folder")
class TestTwoFiles:
    def test_the_diff_and_the_figures_are_printed(self) -> None:
        assert trimmed(run("talk.txt", "talk.vtt").stdout) == PRINTED

    def test_the_page_on_evaluation_shows_what_is_printed(self, root: Path) -> None:
        page = (root / "docs" / "evaluation.md").read_text(encoding="utf-8")
        assert f"$ captioner evaluate talk.txt talk.vtt\n{PRINTED}```" in page

    def test_figures_alone_are_printed_without_diff(self) -> None:
        text = run("talk.txt", "talk.vtt", "--no-diff").stdout
        assert text.startswith("WER")
        assert "ref  " not in text

    def test_context_is_as_wide_as_asked_for(self) -> None:
        assert "ref  … *** adopté  …" in run("talk.txt", "talk.vtt", "--context", "0").stdout
        put("other.txt", REFERENCE * 2)
        assert run("talk.txt", "talk.vtt", "--full").stdout.count("conseil") == 2
        put("same.txt", REFERENCE)
        assert "ref  " not in run("talk.txt", "same.txt").stdout
        assert "ref  le conseil" in run("talk.txt", "same.txt", "--full").stdout

    def test_programs_get_the_same_figures(self) -> None:
        found = figures("talk.txt", "talk.vtt")
        assert found["wer"] == round(3 / 11, 6)
        assert found["words"] == {
            "reference": 11,
            "hits": 9,
            "substitutions": 1,
            "deletions": 1,
            "insertions": 1,
        }
        assert found["wer_interval"] is None
        assert found["word_times"] is None
        assert [file["name"] for file in found["files"]] == ["talk.vtt"]
        assert "errors" not in found["files"][0]

    def test_programs_get_the_errors_with_diff(self) -> None:
        [file] = figures("talk.txt", "talk.vtt", "--diff")["files"]
        assert [error["operation"] for error in file["errors"]] == [
            "insert",
            "substitute",
            "delete",
        ]
        assert file["errors"][1] == {
            "operation": "substitute",
            "reference": "adopté",
            "hypothesis": "adopter",
            "speaker": "",
            "start": None,
        }

    def test_numbers_are_compared_as_words_when_asked_for(self) -> None:
        put("digits.txt", "Le 12 mai")
        put("words.txt", "le douze mai")
        assert figures("words.txt", "digits.txt")["wer"] > 0
        assert figures("words.txt", "digits.txt", "--numbers")["wer"] == 0

    @pytest.mark.parametrize("name", [f"silence.{name}" for name in FORMATS])
    def test_nothing_recognised_is_all_deleted(self, name: str) -> None:
        kind = FORMATS[name.partition(".")[2]]
        put(name, kind.render([], PROVENANCE))
        assert figures("talk.txt", name)["words"]["deletions"] == 11
        result = run("talk.txt", name)
        assert "WER          100.0 %" in result.stdout
        assert result.stderr == f"Note: {name} has no words: all are deleted\n"
        assert "ref  " not in result.stdout

    def test_other_languages_are_compared_by_the_same_rules(self) -> None:
        put("de.txt", "Größe: „Über-Maß“, Straße.")
        put("de_heard.txt", "größe über maß strasse")
        assert figures("de.txt", "de_heard.txt")["wer"] == 0.25
        put("el.txt", "Καλημέρα κόσμε!")
        assert figures("el.txt", "el.txt")["wer"] == 0

    def test_words_that_are_often_confused_are_listed(self) -> None:
        put("ref.txt", "et et et ou")
        put("hyp.txt", "est est est où")
        text = run("ref.txt", "hyp.txt", "--no-diff").stdout
        assert trimmed(text).endswith("count  reference  hypothesis\n    3  et         est\n")
        assert "count" not in run("ref.txt", "hyp.txt", "--no-diff", "--confusions", "0").stdout
        assert figures("ref.txt", "hyp.txt")["confusions"] == [
            {"reference": "et", "hypothesis": "est", "count": 3}
        ]


def test_help_does_without_what_only_figures_need() -> None:
    code = (
        "import sys, captioner.cli.root as root\n"
        "root.captioner(['evaluate', '--help'], standalone_mode=False)\n"
        "assert not {'numpy', 'jiwer', 'rich'} & set(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "REFERENCE HYPOTHESIS" in ran.stdout


@pytest.mark.usefixtures("folder")
class TestBadInput:
    def test_a_reference_without_words_has_no_error_rate(self) -> None:
        put("empty.txt", "… !\n")
        result = run("empty.txt", "talk.txt", code=ExitCode.FAILED)
        assert result.stderr == (
            "Error: empty.txt has no words, so there is no word error rate: "
            "11 words were recognised\n"
        )
        assert result.stdout == ""

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("a.txt", b"\x00\xff\x00", "a.txt: found the byte 0x00, expected text"),
            ("a.pdf", b"%PDF", "a.pdf: found the format 'pdf', expected one of"),
            ("a.json", b"{", "a.json: expected JSON"),
            ("a.vtt", b"bonjour", "a.vtt: line 1"),
        ],
    )
    @pytest.mark.parametrize("as_reference", [True, False])
    def test_a_file_that_cannot_be_read_is_one_line(
        self, name: str, content: bytes, told: str, as_reference: bool
    ) -> None:
        Path(name).write_bytes(content)
        pair = (name, "talk.txt") if as_reference else ("talk.txt", name)
        result = run(*pair, code=ExitCode.FAILED)
        assert result.stderr.startswith(f"Error: {told}")
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("talk.txt", "none.txt"), "none.txt"),
            (("talk.txt", "talk.vtt", "--max-wer", "12"), "0 to 1, or 0% to 100%"),
            (("talk.txt", "talk.vtt", "--max-wer", "nan"), "0 to 1, or 0% to 100%"),
            (("talk.txt", "talk.vtt", "--max-wer", "good"), "0 to 1, or 0% to 100%"),
            (("talk.txt", "talk.vtt", "--speaker", "Anne"), "expected REF=HYP"),
            (("talk.txt", "talk.vtt", "--speaker", "=S0"), "expected REF=HYP"),
            (("talk.txt", "talk.vtt", "--context", "-1"), "-1"),
            (("talk.txt", "."), ". is a folder, but talk.txt is one text"),
            ((".", "talk.txt"), ". is a folder, but talk.txt is not"),
            (("talk.txt", "talk.vtt", "--baseline", "."), ". is a folder"),
        ],
    )
    def test_wrong_usage_is_told(self, arguments: tuple[str, ...], told: str) -> None:
        assert told in run(*arguments, code=ExitCode.USAGE).stderr


@pytest.mark.usefixtures("folder")
class TestLimit:
    @pytest.mark.parametrize("limit", ["0.3", "30%", "30 %", "1"])
    def test_a_rate_within_the_limit_is_well(self, limit: str) -> None:
        run("talk.txt", "talk.vtt", "--max-wer", limit)

    @pytest.mark.parametrize("limit", ["0.27", "27%", "0"])
    @pytest.mark.parametrize("form", [(), ("--json",)])
    def test_a_rate_above_it_fails_after_the_figures(
        self, limit: str, form: tuple[str, ...]
    ) -> None:
        result = run("talk.txt", "talk.vtt", "--max-wer", limit, *form, code=ExitCode.FAILED)
        assert result.stderr.startswith("Error: the word error rate is 27.3 %, more than ")
        assert result.stdout

    def test_a_rate_that_is_the_limit_is_well(self) -> None:
        put("half.txt", "oui non")
        put("heard.txt", "oui nom")
        run("half.txt", "heard.txt", "--max-wer", "0.5")


MEETING = {
    "claire": {"utterances": [{"text": "bonjour à tous", "start": 1}]},
    "luc": {"utterances": [{"text": "bonjour claire", "start": 3}]},
}
HEARD = """\
WEBVTT

00:01.000 --> 00:02.000
<v {0}>Bonjour à tous.

00:03.000 --> 00:04.000
<v {1}>Bonsoir Claire.
"""


@pytest.mark.usefixtures("folder")
class TestSpeakers:
    def test_each_speaker_has_a_row_and_a_name_in_the_diff(self) -> None:
        put("truth.json", MEETING)
        put("heard.vtt", HEARD.format("Claire", "Luc"))
        text = trimmed(run("truth.json", "heard.vtt").stdout)
        assert "00:03  luc  ref  bonjour claire\n" in text
        assert "as one text  WER 20.0 %, whoever said the words\n" in text
        rows = [line.split() for line in text.splitlines()]
        assert ["luc", "2", "50.0", "%", "14.3", "%", "1", "1", "0", "0"] in rows
        assert ["claire", "3", "0.0", "%", "0.0", "%", "3", "0", "0", "0"] in rows

    def test_other_names_are_matched_as_told(self) -> None:
        put("truth.json", MEETING)
        put("heard.vtt", HEARD.format("S0", "S1"))
        names = ("--speaker", "claire=S0", "--speaker", "luc=S1")
        found = figures("truth.json", "heard.vtt", *names)
        assert {row["name"]: row["wer"] for row in found["speakers"]} == {"claire": 0, "luc": 0.5}

    def test_other_names_are_noted_when_nothing_is_told(self) -> None:
        put("truth.json", MEETING)
        put("heard.vtt", HEARD.format("S0", "S1"))
        result = run("truth.json", "heard.vtt")
        assert result.stderr.startswith("Note: no speaker has the same name on both sides")

    def test_speakers_do_not_matter_in_one_text(self) -> None:
        put("truth.json", MEETING)
        put("heard.vtt", HEARD.format("Luc", "Claire"))
        assert figures("truth.json", "heard.vtt")["wer"] > 0.5
        found = figures("truth.json", "heard.vtt", "--one-text")
        assert (found["wer"], found["speakers"]) == (0.2, [])


@pytest.mark.usefixtures("folder")
class TestFolders:
    def test_files_are_paired_by_name_and_added_up(self) -> None:
        put("refs/a.txt", "un deux trois quatre")
        put("refs/b.txt", "cinq")
        put("hyps/a.txt", "un deux trois quatre")
        put("hyps/b.txt", "six")
        text = trimmed(run("refs", "hyps").stdout)
        assert text.startswith("WER          20.0 %")
        names = [line.split()[0] for line in text.splitlines() if line.endswith("0    0")]
        assert names == ["b", "a"]  # the worst first
        assert "ref  " not in text
        assert "ref  cinq" in run("refs", "hyps", "--diff").stdout

    def test_a_reference_without_hypothesis_fails_and_one_too_many_does_not(self) -> None:
        put("refs/a.txt", "un")
        put("refs/b.txt", "deux")
        put("hyps/a.txt", "un")
        put("hyps/c.txt", "trois")
        result = run("refs", "hyps", code=ExitCode.FAILED)
        assert "Note: hyps/c.txt: there is no reference for it\n" in result.stderr
        assert "Error: refs/b.txt: there is no hypothesis for it\n" in result.stderr
        assert result.stdout.startswith("WER          0.0 %")
        put("hyps/b.txt", "deux")
        run("refs", "hyps")

    def test_a_file_that_cannot_be_read_does_not_stop_the_others(self) -> None:
        put("refs/a.txt", "un")
        put("refs/b.txt", "deux")
        put("hyps/a.txt", "un")
        put("hyps/b.vtt", "no subtitles")
        result = run("refs", "hyps", code=ExitCode.FAILED)
        assert result.stderr.startswith("Error: hyps/b.vtt: line 1")
        assert result.stdout.startswith("WER          0.0 %")

    def test_when_no_file_can_be_read_there_are_no_figures(self) -> None:
        for name in "ab":
            put(f"refs/{name}.txt", "un")
            put(f"hyps/{name}.vtt", "no subtitles")
        result = run("refs", "hyps", code=ExitCode.FAILED)
        assert result.stdout == ""
        assert result.stderr.count("Error: ") == 2

    def test_silence_in_a_folder_counts_what_was_made_up(self) -> None:
        put("refs/a.txt", "un deux trois quatre")
        put("refs/silence.txt", "")
        put("hyps/a.txt", "un deux trois quatre")
        put("hyps/silence.txt", "merci")
        found = figures("refs", "hyps")
        assert found["wer"] == 0.25
        assert [file["wer"] for file in found["files"]] == [0, None]
        assert "silence      0      —      —      0    0    0    1" in run("refs", "hyps").stdout
        assert "hyp  merci" in run("refs", "hyps", "--diff").stdout

    def test_a_better_hypothesis_is_told_from_chance(self) -> None:
        chance = random.Random(2)
        for number in range(12):
            text = " ".join(chance.choices(("le", "chat", "dort"), k=30))
            put(f"refs/{number}.txt", text)
            put(f"good/{number}.txt", text)
            put(f"bad/{number}.txt", f"euh {text} {'euh ' * (number % 3)}")
        for new, old, verdict in (
            ("good", "bad", "better"),
            ("bad", "good", "worse"),
            ("bad", "bad", "may be chance"),
        ):
            text = run("refs", new, "--baseline", old).stdout
            [line] = [line for line in text.splitlines() if line.startswith("difference")]
            assert line.rstrip().endswith(f": {verdict}")
        found = figures("refs", "good", "--baseline", "bad")
        assert found["difference"]["wer"] == round(-24 / 360, 6)
        assert found["wer_interval"] == [0, 0]

    def test_a_baseline_that_lacks_a_file_is_told(self) -> None:
        for name in "ab":
            put(f"refs/{name}.txt", "un")
            put(f"new/{name}.txt", "un")
        put("old/a.txt", "un")
        result = run("refs", "new", "--baseline", "old", code=ExitCode.FAILED)
        assert "Error: refs/b.txt: old has no hypothesis for it\n" in result.stderr
        assert "too little text" in result.stdout


def test_true_words_judge_times(recordings: Path, tmp_path: Path) -> None:
    # Every word 50 ms late.
    truth = json.loads((recordings / "monologues" / "truth.json").read_text("utf-8"))
    for track in truth:
        words = [
            {"word": w["word"], "start": w["start"] + 0.05, "end": w["end"] + 0.05}
            for w in track["words"]
        ]
        text = " ".join(word["word"] for word in words)
        heard = {"segments": [{"start": 0, "end": 300, "text": text, "words": words}]}
        (tmp_path / track["file"]).with_suffix(".json").write_text(json.dumps(heard), "utf-8")
    found = figures(str(recordings / "monologues" / "truth.json"), str(tmp_path))
    assert found["wer"] == 0
    assert found["word_times"]["start"]["count"] > 1000
    assert found["word_times"]["start"]["p50"] == pytest.approx(0.05, abs=1e-3)
    assert found["word_times"]["end"]["bias"] == pytest.approx(0.05, abs=1e-3)
    text = run(str(recordings / "monologues"), str(tmp_path)).stdout
    assert "starts       0.050 s off at the median" in text


@pytest.mark.slow
def test_ten_hours_are_judged_in_bounded_memory(folder: Path) -> None:
    chance = random.Random(1)
    vocabulary = [f"mot{number}" for number in range(5000)]
    said = chance.choices(vocabulary, k=100_000)
    heard = [word if chance.random() > 0.1 else chance.choice(vocabulary) for word in said]
    for name, words in (("said.txt", said), ("heard.txt", heard)):
        lines = (" ".join(words[at : at + 20]) for at in range(0, len(words), 20))
        put(name, "\n".join(lines))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = figures("said.txt", "heard.txt")
    assert 0.09 < found["wer"] < 0.11
    assert found["wer_interval"][1] - found["wer_interval"][0] < 0.01
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    # A table of all pairs of words would be 10 GB.
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 300e6
