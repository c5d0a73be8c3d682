from __future__ import annotations

import pytest
from key_terms_score import Said, TermScore, count, term_set

VANDEPUTTE = Said("La parole est à Monsieur Vandeputte pour dix minutes.", "Vandeputte")


def test_a_term_counts_when_it_is_written_as_it_was_given_but_for_case() -> None:
    found = count(VANDEPUTTE, "la parole est à monsieur vandeputte pour dix minutes", [])
    assert (found.terms, found.found, found.rest, found.rest_errors) == (1, 1, 8, 0)


def test_a_term_that_is_wrong_leaves_no_error_in_the_rest() -> None:
    found = count(VANDEPUTTE, "La parole est à monsieur Van Pute pour dix minutes.", [])
    assert (found.found, found.rest_errors) == (0, 0)


def test_errors_elsewhere_count() -> None:
    found = count(VANDEPUTTE, "La barole est Monsieur Vandeputte pour dix petites minutes.", [])
    assert (found.found, found.rest_errors) == (1, 3)


def test_terms_that_nobody_said_are_counted_each_time() -> None:
    text = "La parole est à Tchap Vandeputte pour dix Tchap."
    assert count(VANDEPUTTE, text, ["Vandeputte", "Tchap", "Grist"]).invented == 2


def test_rates_are_in_percent_and_absent_where_nothing_was_said() -> None:
    values = (TermScore(terms=4, found=3, rest=50, rest_errors=1, words=200, invented=1)).to_json()
    assert (values["recall"], values["rest_wer"]) == (75.0, 2.0)
    assert values["invented_per_1000_words"] == 5.0
    assert TermScore().to_json()["recall"] is None


@pytest.mark.parametrize("own", ["c", ""])
def test_a_set_of_terms_is_the_same_each_time_and_holds_the_one_that_is_said(own: str) -> None:
    first, again = (term_set("abcdef", own, 4, seed="1") for _ in range(2))
    assert first == again
    assert len(set(first)) == 4
    assert not own or own in first
