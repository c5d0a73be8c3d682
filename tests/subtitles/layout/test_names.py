from __future__ import annotations

from subtitle_samples import segment

from captioner.subtitles.layout import lay_out

LONG = "Nous avons trois sujets à l'ordre du jour, et je vous propose de commencer maintenant."


def begins(*names: str, julien: float = 2.0) -> list[str]:
    said = [
        segment(LONG, start=0.0, pace=0.5, speaker=names[0], id="a"),
        segment("Oui, très bien, merci.", start=julien, pace=0.2, speaker=names[1], id="b"),
    ]
    return [cue.lines[0] for cue in lay_out(said, labels=True)]


def test_a_turn_that_goes_on_after_anothers_cue_is_named_again() -> None:
    assert begins("Claire", "Julien") == [
        "Claire\u00a0: Nous avons trois sujets",
        "Julien\u00a0: Oui, très bien, merci.",
        "Claire\u00a0: et je vous propose",
    ]


def test_a_turn_that_nobody_interrupts_is_named_once() -> None:
    assert [line.startswith("Claire") for line in begins("Claire", "Julien", julien=8.0)] == [
        True,
        False,
        False,
    ]
    assert sum("Claire" in line for line in begins("Claire", "Claire")) == 1


def test_who_has_no_name_gets_none() -> None:
    assert begins("", "Julien")[2] == "et je vous propose"


def test_a_cue_without_room_for_the_name_goes_without() -> None:
    lines = begins("Jean-Christophe de Sainte-Croix", "Julien")
    assert lines[-2:] == ["Julien\u00a0: Oui, très bien, merci.", "et je vous propose"]
