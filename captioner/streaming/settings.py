"""What shapes the captions of one session. Durations are in samples at 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass, field

from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE
from captioner.vad.endpointing import EndpointingSettings


def samples(seconds: float) -> int:
    """Seconds as samples at 16 kHz."""
    return round(seconds * SAMPLE_RATE)


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
    hop: int = samples(0.5)
    """New audio between two interims of an utterance."""
    first_hop: int = samples(0.8)
    """Audio, pre-roll included, before an utterance's first interim."""
    hidden: int = samples(0.2)
    """A word that ends closer than this to the window's edge is not shown: it may be cut."""
    commit_margin: int = samples(0.8)
    """A word that ends closer than this to the window's edge is not committed."""
    commit_after: int = samples(2.0)
    """A word that ends farther than this from the window's edge is committed as it is."""
    interim_surer: float = 0.0
    """How much more probable a word must be to replace one that an interim showed."""
    final_surer: float = -0.1
    """How much more probable a final's words must be to replace committed ones..."""
    final_surer_per_word: float = 0.025
    """...and how much more for each committed word after them."""
    trim_after: int = samples(6.0)
    """An interim's window longer than this starts at a later committed word instead."""
    trim_to: int = samples(3.0)
    """How much audio such a window keeps, at least."""
    final_reach: int = samples(9.0)
    """How far back a final may correct committed words: it decodes no more than needed."""
    beam_size: int = 5
    """Beam width of finals; interims are greedy."""
    final_window: int = 0
    """Length that the window of a final has at least."""
