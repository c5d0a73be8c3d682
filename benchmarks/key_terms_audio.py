"""Makes ``examples/audio/key_terms``: sentences with rare names, spoken by synthetic voices.

    python benchmarks/key_terms_audio.py --kit KIT --voices VOICES

KIT is a folder with ``speech.py``, which turns text into speech and the times of its words; VOICES
is the folder of the voices that it needs. Besides NumPy and soundfile, which this program needs,
it needs what ``speech.py`` imports, and eSpeak NG; the service needs none of that. The sentences
are in ``sentences.txt`` beside the audio: a key term in brackets, and after ``|`` how it is spelt
so that the synthesiser says it as people do.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "audio" / "key_terms"
SAMPLE_RATE = 16_000
SILENCE = 0.3  # seconds before and after each sentence
MARKED = re.compile(r"\[([^\]|]+)(?:\|([^\]]+))?\]")
VOICES = (
    "ff_siwis",
    "ff_siwis:.5+am_onyx:.5",
    "ff_siwis:.6+ef_dora:.4",
    "ff_siwis:.5+bm_george:.5",
    "ff_siwis:.55+if_sara:.45",
    "ff_siwis:.5+em_alex:.5",
    "ff_siwis:.7+bf_emma:.3",
    "ff_siwis:.5+im_nicola:.5",
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with one key term."""

    text: str
    """As it should be written."""
    spoken: str
    """As the synthesiser is given it."""
    term: str
    words: tuple[tuple[str, int], ...]
    """Each word of the text, and how many words of ``spoken`` say it."""


def parse(line: str) -> Sentence:
    """Read a line of ``sentences.txt``.

    Raises:
        ValueError: it does not have exactly one key term.
    """
    found = MARKED.findall(line)
    if len(found) != 1:
        raise ValueError(f"expected one [key term], found {len(found)}: {line}")
    ((term, said),) = found
    said = said or term
    before, after = (line[: line.index("[")].split(), line[line.index("]") + 1 :].split())
    glued = not line[: line.index("[")].endswith(" ")
    head = before.pop() if glued and before else ""
    tail = after.pop(0) if after and not line[line.index("]") + 1 :].startswith(" ") else ""
    written = f"{head}{term}{tail}".split()
    count = len(said.split())
    shares = [1] * count if len(written) == count else [*[1] * (len(written) - 1), 0]
    shares[-1] += count - sum(shares)
    words = [(word, 1) for word in before]
    words += zip(written, shares, strict=True)
    words += [(word, 1) for word in after]
    return Sentence(
        text=MARKED.sub(term, line),
        spoken=MARKED.sub(said, line),
        term=term,
        words=tuple(words),
    )


def sentences(path: Path) -> Iterator[Sentence]:
    """The sentences of a file; empty lines and those that begin with ``#`` are left out."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield parse(line.strip())


def placed(sentence: Sentence, spoken: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The words as they should be written, with the times at which they are said."""
    words = []
    index = 0
    for word, count in sentence.words:
        run = spoken[index : index + count]
        start, end = run[0]["start"] + SILENCE, run[-1]["end"] + SILENCE
        words.append({"word": word, "start": round(start, 3), "end": round(end, 3)})
        index += count
    if index != len(spoken):
        raise ValueError(f"{index} words written, {len(spoken)} said: {sentence.text}")
    return words


def load_kit(kit: Path, voices: Path) -> Any:  # noqa: ANN401 - a module given at run time
    """Import ``speech.py``, which finds its voices through the environment."""
    os.environ["KOKORO"] = str(voices)
    spec = importlib.util.spec_from_file_location("speech", kit / "speech.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(kit / "speech.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(kit: Any, folder: Path) -> None:  # noqa: ANN401 - the same
    """Write the recordings that are missing, and the truth of all.

    Raises:
        ValueError: the synthesiser cannot say a sentence word by word.
    """
    import numpy as np
    import soundfile

    truth = []
    before = {entry["text"]: entry for entry in _truth(folder)}
    silence = np.zeros(round(SILENCE * SAMPLE_RATE), np.float32)
    for number, sentence in enumerate(sentences(folder / "sentences.txt")):
        voice = VOICES[number % len(VOICES)]
        file = f"{number:03}.flac"
        known = before.get(sentence.text)
        if known and (known["file"], known["voice"]) == (file, voice) and (folder / file).exists():
            truth.append(known)
            continue
        said = kit.say(sentence.spoken, voice)
        if said is None:
            raise ValueError(f"cannot be said word by word: {sentence.spoken}")
        samples, words = said
        audio = np.concatenate((silence, samples, silence))
        soundfile.write(folder / file, audio, SAMPLE_RATE, compression_level=1.0)
        truth.append(
            {
                "file": file,
                "text": sentence.text,
                "term": sentence.term,
                "voice": voice,
                "words": placed(sentence, words),
            }
        )
    text = json.dumps(truth, ensure_ascii=False, indent=1)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")


def _truth(folder: Path) -> list[dict[str, Any]]:
    path = folder / "truth.json"
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


def main() -> None:
    """Make the recordings anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kit", type=Path, required=True, help="folder of speech.py")
    parser.add_argument("--voices", type=Path, required=True, help="folder of its voices")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write")
    arguments = parser.parse_args()
    make(load_kit(arguments.kit, arguments.voices), arguments.folder)


if __name__ == "__main__":
    main()
