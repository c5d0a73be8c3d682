"""Text that Whisper invents where nobody speaks: subtitle credits, thanks. French, as observed.

Phrases are only ever compared with the whole utterance, never searched in it: people do say
"merci" and "abonnez-vous" in meetings.
"""

from __future__ import annotations

import re

from captioner.asr.plausibility import LOGPROB_LIMIT, WORD_RATE_LIMIT, Doubt, bare, doubt
from captioner.transcript import SAMPLE_RATE, Hypothesis

SHORT_SPEECH = SAMPLE_RATE // 4  # samples of voiced audio under which politeness is suspect
UNSURE = 0.5  # mean word probability under which politeness is suspect
GUESSED = 0.45  # the same under which words of low log-probability are guesses
GUESSED_ANYWAY = 0.4  # and under which any are; clear speech has 0.7 and more
NO_SPEECH = 0.4  # probability of no speech from which doubtful words are nothing
VOICED_GRACE = 2  # words that any voiced audio may hold: a slamming door has some, and "says" four

CREDITS = (
    r"sous titr(es|age)( de| fr| francais| en francais| mfp| st \d+| societe radio canada)?",
    r"sous titr(es|age)( realises?)? par(?! defaut)( \w+){1,6}",
    r"(sous titres )?(realises? )?para? la communaute d amara org",
    r"par soustitreur com",
    r"merci d avoir regarde( cette video| la video)?( et a bientot)?",
    r"(n oubliez pas de )?(vous )?abonne[rz]( vous)?( a la chaine)?",
    r"n hesitez pas a vous abonner( a la chaine)?",
    r"musique( douce| de fond)?",
    r"generique( de fin)?",
    r"applaudissements",
)
POLITE = ("merci", "merci a tous", "merci beaucoup", "merci a vous", "au revoir", "bonjour")

_CREDIT = "|".join(f"(?:{pattern})" for pattern in CREDITS)
_CREDITS = re.compile(f"(?:{_CREDIT})(?: (?:{_CREDIT}))*")  # they also come in a row
_FOLD = str.maketrans("àâäéèêëîïôöùûüç", "aaaeeeeiioouuuc")


def folded(text: str) -> str:
    """Lower case without accents or punctuation, words separated by one space."""
    text = text.lower().replace("œ", "oe").translate(_FOLD)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text).split())


def invented(hypothesis: Hypothesis, *, speech: int, voiced: int) -> str:
    """Why the whole hypothesis must not be shown; empty when it may.

    Args:
        hypothesis: of a whole utterance.
        speech: samples in its window.
        voiced: samples of it that the detector took for speech.
    """
    if not hypothesis.words:
        return ""
    why = doubt(hypothesis, speech)
    # What the model takes for no speech is not worth what precedes a loop in it.
    if why is not None and hypothesis.no_speech_probability > NO_SPEECH:
        return why.value
    phrase = folded(hypothesis.text)
    if not phrase:
        return "no_words"
    if _CREDITS.fullmatch(phrase):
        return "known_phrase"
    return _unlikely(hypothesis, phrase, voiced)


def _mean_probability(hypothesis: Hypothesis) -> float:
    """The mean probability of the words, each taken where it comes first.

    A model that repeats itself is sure of what it copies, however little of the sound.
    """
    first: dict[str, float] = {}
    for word in hypothesis.words:
        first.setdefault(bare(word.text), word.probability)
    return sum(first.values()) / len(first)


def _unlikely(hypothesis: Hypothesis, phrase: str, voiced: int) -> str:
    """Why words are nothing but guesses, or more than was voiced; empty when they may be shown."""
    sure = _mean_probability(hypothesis)
    # Voices that nobody can follow, and many at once: the model writes what often begins a phrase.
    unlikely = hypothesis.average_logprob < LOGPROB_LIMIT
    if sure < (GUESSED if unlikely else GUESSED_ANYWAY):
        return Doubt.LOW_PROBABILITY.value
    if phrase in POLITE and (voiced < SHORT_SPEECH or sure < UNSURE):
        return "polite_phrase"
    most = VOICED_GRACE + WORD_RATE_LIMIT * voiced / SAMPLE_RATE
    return Doubt.WORD_RATE.value if len(hypothesis.words) > most else ""
