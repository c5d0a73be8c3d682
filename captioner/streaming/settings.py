"""What shapes the captions of one session. Durations are in samples at 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE
from captioner.vad.endpointing import EndpointingSettings


def samples(seconds: float) -> int:
    """Seconds as samples at 16 kHz."""
    return round(seconds * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class Effort:
    """What a final may cost: more where the engine has time."""

    beam_size: int = 5
    """Beam width; interims are greedy."""
    window: int = 0
    """Length that its window has at least."""
    sure: float = 1.0
    """From this probability on a committed word needs no second decode: the window begins where
    the first word below it does."""
    speculate: bool = True
    """Whether a pause is decoded before it is known to be the end."""
    retry: bool = True
    """Whether a doubtful answer is decoded again on a padded window."""


@dataclass(frozen=True, slots=True)
class StreamingSettings:
    """How a session listens, decodes and commits."""

    window: WindowRule
    n_mels: int
    language: str = "fr"
    key_terms: tuple[str, ...] = ()
    append_only: bool = False
    interims: bool = True
    endpointing: EndpointingSettings = field(default_factory=EndpointingSettings)
    hop: int = samples(0.3)
    """New audio between two interims of an utterance."""
    first_hop: int = samples(0.8)
    """Audio, pre-roll included, before an utterance's first interim."""
    hidden: int = samples(0.25)
    """A word that ends closer than this to the window's edge is not shown: it may be cut."""
    commit_margin: int = samples(0.8)
    """A word that ends closer than this to the window's edge is not committed."""
    commit_after: int = samples(2.0)
    """A word that ends farther than this from the window's edge is committed as it is."""
    interim_surer: float = 0.0
    """How much more probable a word must be to replace one that an interim showed."""
    final_surer: float = 0.0
    """How much more probable a final's words must be to replace committed ones..."""
    final_surer_per_word: float = 0.05
    """...and how much more for each committed word after them."""
    trim_after: int = samples(7.0)
    """An interim's window longer than this starts at a later committed word instead."""
    trim_to: int = samples(3.0)
    """How much audio such a window keeps, at least."""
    interim_silence: float = 2.0
    """Seconds of silence after the speech in the window of an interim, when the model's rule asks
    for more: a final makes good what that costs."""
    lead: int = samples(0.6)
    """How much a final hears of what comes before the first word that it is not sure of."""
    final_reach: int = samples(9.0)
    """How far back a final may correct committed words: it decodes no more than needed."""
    final: Effort = field(default_factory=Effort)
    """What finals may cost, unless the session is told otherwise while it runs."""
    refresh: int = samples(0.1)
    """New audio that a decode still waiting for its turn is worth being asked anew for."""

    @property
    def interim_rule(self) -> WindowRule:
        """The window rule of interims."""
        silence = min(self.window.silence, self.interim_silence)
        return replace(self.window, silence=silence)
