from __future__ import annotations

from pathlib import Path

import pytest
from asr_vocabulary import TASK_TOKENS, byte_level
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.tokenizer import WhisperTokenizer
from captioner.errors import InvalidRequest, ModelError
from captioner.models.verification import Model


def texts(tokenizer: WhisperTokenizer, text: str) -> list[str]:
    return [word.text for word in tokenizer.split(tokenizer.encode(text))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" le conseil a voté.", ["le", "conseil", "a", "voté."]),
        (" aujourd'hui, l'eau de l’œuvre", ["aujourd'hui,", "l'eau", "de", "l’œuvre"]),
        (" Ça va ? Oui ! Bien ; voilà : fin", ["Ça", "va ?", "Oui !", "Bien ;", "voilà :", "fin"]),
        (" il dit « bonjour » à tous", ["il", "dit", "« bonjour »", "à", "tous"]),
        (" il dit « bonjour », puis part.", ["il", "dit", "« bonjour »,", "puis", "part."]),
        (" – Oui. – Non.", ["– Oui.", "– Non."]),
        (" (oui) [non] “peut-être”", ["(oui)", "[non]", "“peut-être”"]),
        (" est-ce vrai, dit-il", ["est-ce", "vrai,", "dit-il"]),
        (" 50 % de 3,5 €", ["50 %", "de", "3,5", "€"]),
        (" du pain 🥖 et 👩‍🚀.", ["du", "pain", "🥖", "et", "👩‍🚀."]),
        (" oui\nnon", ["oui", "non"]),
        (" et alors «", ["et", "alors", "«"]),
        (" et « ? » fin", ["et", "« ? »", "fin"]),
        ("  oui", ["oui"]),
        (" oui ", ["oui"]),
        ("? oui", ["?", "oui"]),
        (" ", []),
        ("", []),
    ],
)
def test_text_is_split_into_words_with_their_punctuation(
    tokenizer: WhisperTokenizer, text: str, words: list[str]
) -> None:
    assert texts(tokenizer, text) == words


@given(text=st.text(st.sampled_from(" l'eaoué?!»«.-,\n🥖œ€"), max_size=30))
def test_words_hold_every_token_of_the_text_once_in_order(
    tokenizer: WhisperTokenizer, text: str
) -> None:
    tokens = tokenizer.encode(text)

    words = tokenizer.split(tokens)

    if text.strip():
        assert [token for word in words for token in word.tokens] == tokens
    assert "".join(word.text for word in words).replace(" ", "") == "".join(text.split())


@given(text=st.text(max_size=20), start=st.integers(0, 60), stop=st.integers(0, 60))
def test_words_have_text_wherever_the_tokens_are_cut(
    tokenizer: WhisperTokenizer, text: str, start: int, stop: int
) -> None:
    cut = tokenizer.encode(f" oui {text}")[start:stop]

    words = tokenizer.split(cut)

    assert all(word.text and word.text == word.text.strip() for word in words)


def test_a_character_cut_in_two_is_not_shown(tokenizer: WhisperTokenizer) -> None:
    tokens = tokenizer.encode(" pain 🥖")

    words = tokenizer.split(tokens[:-1])

    assert [word.text for word in words] == ["pain"]
    assert words[0].tokens == tuple(tokens[:-1])


def test_words_after_a_broken_character_are_still_split(tokenizer: WhisperTokenizer) -> None:
    tokens = tokenizer.encode("🥖 et du pain")

    assert [word.text for word in tokenizer.split(tokens[1:])] == ["et", "du", "pain"]


def test_the_task_is_asked_for_in_the_language_without_timestamps(
    tokenizer: WhisperTokenizer,
) -> None:
    first = tokenizer.end_of_text
    place = {name: first + index for index, name in enumerate(TASK_TOKENS)}

    assert tokenizer.task("fr") == [
        place["<|startoftranscript|>"],
        place["<|fr|>"],
        place["<|transcribe|>"],
        place["<|notimestamps|>"],
    ]


def test_an_unknown_language_is_refused_by_name(tokenizer: WhisperTokenizer) -> None:
    with pytest.raises(InvalidRequest, match="'br'"):
        tokenizer.task("br")


@pytest.mark.parametrize("name", TASK_TOKENS)
def test_text_that_spells_a_special_token_gives_none(
    tokenizer: WhisperTokenizer, name: str
) -> None:
    tokens = tokenizer.encode(f" oui {name} non")

    assert tokens
    assert max(tokens) < tokenizer.end_of_text


def test_decoding_leaves_special_tokens_out(tokenizer: WhisperTokenizer) -> None:
    tokens = [*tokenizer.task("fr"), *tokenizer.encode(" oui"), tokenizer.end_of_text]

    assert tokenizer.decode(tokens) == " oui"


def test_a_vocabulary_of_one_language_is_refused() -> None:
    english_only = WhisperTokenizer(byte_level("<|endoftext|>", "<|fr|>"))

    with pytest.raises(ModelError, match="startoftranscript"):
        english_only.task("fr")


def test_a_directory_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no tokenizer\.json"):
        WhisperTokenizer.from_directory(tmp_path)


def test_a_broken_vocabulary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")

    with pytest.raises(ModelError, match="is not a tokenizer"):
        WhisperTokenizer.from_directory(tmp_path)


def test_a_vocabulary_is_read_from_its_file(tmp_path: Path, tokenizer: WhisperTokenizer) -> None:
    byte_level(*TASK_TOKENS).save(str(tmp_path / "tokenizer.json"))

    read = WhisperTokenizer.from_directory(tmp_path)

    assert read.encode(" le maire") == tokenizer.encode(" le maire")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "Aujourd'hui, l'eau de l'œuvre coûte 50 % de plus !",
        "– « Est-ce vrai ? » dit-elle ; oui… 🥖",
        "Où ça ? À Noël, chez les Lefèvre.",
    ],
)
def test_the_real_vocabulary_gives_french_back(base: Model, text: str) -> None:
    tokenizer = WhisperTokenizer.from_directory(base.directory)

    words = tokenizer.split(tokenizer.encode(f" {text}"))

    assert " ".join(word.text for word in words) == text
    assert len(words) < len(text.split())
    assert max(token for word in words for token in word.tokens) < tokenizer.end_of_text
