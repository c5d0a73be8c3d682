from __future__ import annotations

import re
from itertools import pairwise

import pytest
from french_sentences import SENTENCES
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import TRICKY, segment

from captioner.subtitles.breaking.french import break_costs
from captioner.subtitles.breaking.phrases import split_phrases
from captioner.subtitles.breaking.stops import HELD, Stop
from captioner.subtitles.typography import typeset

GOOD = 1.0


def breaks(text: str) -> str:
    """The text with ``_`` where no line ends and ``|`` at good places to break."""
    words = typeset(text).split(" ")
    costs = break_costs(words)
    marks = ["_" if cost >= HELD else "|" if cost <= GOOD else " " for cost in costs]
    return "".join(word + mark for word, mark in zip(words, [*marks, ""], strict=True))


@pytest.mark.parametrize("marked", SENTENCES)
def test_lines_end_where_a_subtitler_ends_them(marked: str) -> None:
    texts = re.split(r"[ _|]", marked.replace("~", " "))
    words = typeset(" ".join(texts)).split(" ")
    marks = re.findall(r"[ _|]", marked)
    assert [word.replace("\u202f", "~").replace("\u00a0", "~") for word in words] == re.split(
        r"[ _|]", marked
    )
    for before, mark, cost in zip(words, marks, break_costs(words), strict=False):
        place = f"after {before}"
        assert mark != "_" or cost >= HELD, place
        assert mark != "|" or cost <= GOOD, place
        assert mark != " " or cost < HELD, place


def test_enough_sentences_are_looked_at() -> None:
    assert len(SENTENCES) >= 60


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("C'est fini. | Nous partons", "C'est fini, | nous partons"),
        ("C'est fini, | nous partons", "des idées | et des projets"),
        ("des idées | et des projets", "des idées | pour demain"),
        ("des idées | pour demain", "une liste | de noms"),
        ("une liste | de noms", "le service | juridique"),
        ("les résultats | sont bons", "les résultats | positifs"),
        ("Julien | pourra", "pourra | venir"),
        ("pourra | venir", "a | testé"),
        ("a | testé", "la | liste"),
    ],
)
def test_the_better_break_costs_less(better: str, worse: str) -> None:
    def cost(marked: str) -> float:
        words = marked.split(" ")
        at = words.index("|")
        return break_costs(words[:at] + words[at + 1 :])[at - 1]

    assert cost(better) < cost(worse)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Le son est bon", "Le_son|est bon"),  # no possessive
        ("avec nous pour avancer", "avec_nous|pour_avancer"),  # stressed
        ("de nous écouter", "de_nous_écouter"),  # an object
        ("il n'y en a plus maintenant", "il_n'y_en_a_plus maintenant"),  # negation
        ("la plus grande prudence", "la_plus_grande_prudence"),  # comparison
        ("rien ne va", "rien_ne_va"),
        ("BONJOUR TOUT LE MONDE", "BONJOUR TOUT_LE_MONDE"),  # shouted words are no names
        ("le plan B. Nous partons", "le_plan_B.|Nous_partons"),  # no initial
        ("mot – suite", "mot_–|suite"),  # a dash would look like another speaker
        ("l' ordre", "l'_ordre"),  # as some recognisers cut it
        ("ils sont tous partis", "ils_sont_tous_partis"),
        ("en 2024 les prix", "en_2024|les_prix"),  # a year counts nothing
        ("– Oui – Non", "–_Oui_–|Non"),
    ],
)
def test_what_looks_alike_is_told_apart(text: str, shown: str) -> None:
    assert breaks(text) == shown


def test_typographic_apostrophes_elide_as_well() -> None:
    straight = ["jusqu'à", "l'an", "d'après", "lorsqu'il", "n'a", "qu'une", "idée"]
    curly = [word.replace("'", "’") for word in straight]
    assert break_costs(curly) == break_costs(straight)


def test_upper_case_is_read_like_lower_case() -> None:
    words = ["La", "réunion", "est", "prévue", "à", "Paris"]
    assert break_costs([words[0].lower(), *words[1:]]) == break_costs(words)


@given(st.lists(st.text(alphabet=TRICKY + "leduna", max_size=8), max_size=20))
def test_there_is_one_cost_between_any_two_words(texts: list[str]) -> None:
    words = [phrase.text for phrase in split_phrases(segment(" ".join(["mot", *texts])))]
    costs = break_costs(words)
    assert len(costs) == len(list(pairwise(words)))
    assert all(cost >= Stop.SENTENCE.cost for cost in costs)


def test_no_words_have_no_costs() -> None:
    assert break_costs([]) == []
    assert break_costs(["mot"]) == []
