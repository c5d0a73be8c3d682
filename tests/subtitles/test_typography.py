from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import TRICKY

from captioner.evaluation.normalisation import normalise
from captioner.subtitles.typography import typeset, untypeset

tricky = st.text(alphabet=TRICKY)
numbers = st.lists(
    st.sampled_from(
        [
            *("1", "20", "300", "000", "4", "5000", "06", "%", "€", "h", "min", "km", "n°", "art."),
            *("L.", "M.", "Mme", "la", "Martin", "mai", "XXe", "siècle", "?", ":", "«", "»"),
        ]
    )
).map(" ".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ça va?", "Ça va\u202f?"),
        ("Ça va ?", "Ça va\u202f?"),
        ("Quoi ?!", "Quoi\u202f?!"),
        ("Quoi ? !", "Quoi\u202f?\u202f!"),
        ("un; deux", "un\u202f; deux"),
        ("Voici : rien", "Voici\u00a0: rien"),
        ("Voici:", "Voici\u00a0:"),
        ("Voici ::", "Voici\u00a0::"),
        ("« oui »", "«\u202foui\u202f»"),
        ("«oui»", "«\u202foui\u202f»"),
        ("« Qui ? »", "«\u202fQui\u202f?\u202f»"),
        ("(quoi?)", "(quoi\u202f?)"),
    ],
)
def test_french_marks_get_their_spaces(text: str, shown: str) -> None:
    assert typeset(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3 000 euros", "3~000 euros"),
        ("12 345 678,90", "12~345~678,90"),
        ("24 %", "24~%"),
        ("24%", "24~%"),
        ("3 000 €", "3~000_€"),
        ("20€", "20_€"),
        ("3 M€", "3_M€"),
        ("20 km/h", "20_km/h"),
        ("18 °C", "18_°C"),
        ("10 h 30", "10_h_30"),
        ("1 h 30 min", "1_h_30_min"),
        ("à 18 h.", "à 18_h."),
        ("le 24 novembre 2025", "le 24_novembre 2025"),
        ("le 1er mai", "le 1er_mai"),
        ("n° 5", "n°_5"),
        ("n°5", "n°_5"),
        ("§ 3", "§_3"),
        ("art. 5", "art._5"),
        ("L. 123-4", "L._123-4"),
        ("art. L. 123", "art._L._123"),
        ("p. 12", "p._12"),
        ("M. Martin", "M._Martin"),
        ("MM. Dupont et Durand", "MM._Dupont et Durand"),
        ("Mme la ministre", "Mme_la ministre"),
        ("Dr Bernard", "Dr_Bernard"),
        ("Me Élise Roux", "Me_Élise Roux"),
        ("au XXIe siècle", "au XXIe_siècle"),
        ("01 42 34 56 78", "01_42_34_56_78"),
    ],
)
def test_numbers_and_abbreviations_keep_what_belongs_to_them(text: str, shown: str) -> None:
    assert typeset(text) == shown.replace("~", "\u202f").replace("_", "\u00a0")


@pytest.mark.parametrize(
    "text",
    [
        *("https://a.fr/?b=c;d", "14:30", "(!)", "?", ":", "C'est l'été, déjà.", "À bientôt…"),
        *("en 2024 300 personnes", "a%20b", "15 000000", "007 000", "3,5 000", "1 2 3 4"),
        *("Me voici", "Mes amis", "plan M. Nous partons", "article 3 a", "3 mois", "10 l'an"),
        *("les années 2000 000", "32/12 mai", "au XXIe", "À VENDRE"),
    ],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert typeset(text) == text


@given(tricky | numbers)
def test_setting_twice_changes_nothing(text: str) -> None:
    assert typeset(typeset(text)) == typeset(text)


@given(st.text(alphabet=TRICKY.replace("-", "").replace("'", "")))
def test_setting_and_unsetting_leave_the_words(text: str) -> None:
    assert normalise(typeset(text)) == normalise(text)
    assert normalise(untypeset(text)) == normalise(text)


@given(tricky | numbers)
def test_setting_changes_nothing_but_spaces(text: str) -> None:
    assert "".join(untypeset(typeset(text)).split()) == "".join(untypeset(text).split())


@given(numbers)
def test_unsetting_gives_back_french_that_was_written_with_plain_spaces(text: str) -> None:
    plain = untypeset(typeset(text))
    assert untypeset(typeset(plain)) == plain
    assert "\u00a0" not in plain
    assert "\u202f" not in plain


def test_unsetting_leaves_plain_spaces() -> None:
    assert untypeset("«\u202foui\u202f»\u00a0: non") == "« oui » : non"
