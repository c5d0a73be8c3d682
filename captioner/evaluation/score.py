"""The figures of one live track: errors of its last text, latencies, flicker, lost words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter, ValidationError

from captioner.errors import InvalidRequest
from captioner.evaluation.display import Display
from captioner.evaluation.edits import EditCounts, count_character_edits, count_word_edits
from captioner.evaluation.matching import LastText, Match, common_prefix
from captioner.evaluation.truth import TimedWord, split_truth


@dataclass(frozen=True, slots=True)
class TrackScore:
    """What ``measure`` found; latencies in seconds, each counted from the true end of speech."""

    words: EditCounts
    """Of the last text against the truth; ``words.rate`` is the word error rate."""
    characters: EditCounts
    displayed: tuple[float, ...]
    """For each matched word: first shown, and shown from then on."""
    stable: tuple[float, ...]
    """For each matched word: committed or final, from then on."""
    finalised: tuple[float, ...]
    """For each arrival of finals: counted from the end of its last matched word."""
    erasure: float
    """Words taken back over words of the last text (normalised erasure); under 0.2 reads well."""
    tail: int
    """So many words at the end of the track have no counterpart in the last text."""
    reference_words: int
    final_words: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {**asdict(self), "wer": self.words.rate, "cer": self.characters.rate}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrackScore:
        """Read back what ``to_json`` wrote.

        Raises:
            InvalidRequest: when a field is missing or of the wrong kind.
        """
        try:
            return TypeAdapter(cls).validate_python(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InvalidRequest(
                f"score of a track: {field}: {first['msg']}", field=field
            ) from error


def measure(
    displays: Sequence[Display], truth: Sequence[TimedWord], *, numbers: bool = False
) -> TrackScore:
    """Score what was shown on one track against what was said.

    Args:
        displays: in the order of time.
        truth: the words spoken, in order, on the same time axis.
        numbers: how the truth is normalised; must be how the displays were.
    """
    reference, owners = split_truth(truth, numbers=numbers)
    last = displays[-1].words if displays else ()
    text = LastText(last)
    heard = _sorted_pairs(text.match(reference))
    ends = {shown: truth[owners[spoken]].end for spoken, shown in heard}
    matches = _match_all(text, displays)

    def latencies(count: Callable[[Display], int]) -> tuple[float, ...]:
        since = _shown_since(displays, matches, count, len(last))
        return tuple(
            time - end
            for time, end in ((since[word], end) for word, end in ends.items())
            if time is not None
        )

    return TrackScore(
        words=count_word_edits(reference, last),
        characters=count_character_edits(reference, last),
        displayed=latencies(lambda display: len(display.words)),
        stable=latencies(lambda display: max(display.stable, display.final)),
        finalised=_finalisation(displays, ends, len(last)),
        erasure=_erased(displays) / max(1, len(last)),
        tail=len(reference) - 1 - max((spoken for spoken, _ in heard), default=-1),
        reference_words=len(reference),
        final_words=len(last),
    )


def _sorted_pairs(match: Match) -> list[tuple[int, int]]:
    return [*((index, index) for index in range(match.prefix)), *sorted(match.rest)]


def _match_all(text: LastText, displays: Sequence[Display]) -> list[Match]:
    matches: list[Match] = []
    for index, display in enumerate(displays):
        if index and display.words == displays[index - 1].words:
            matches.append(matches[-1])  # only the counts moved
        else:
            matches.append(text.match(display.words))
    return matches


def _shown_since(
    displays: Sequence[Display],
    matches: Sequence[Match],
    count: Callable[[Display], int],
    size: int,
) -> list[float | None]:
    """For each word of the last text, since when it is among the first ``count`` words displayed.

    Goes back in time and keeps the words that were there without a break: those before ``prefix``
    and those in ``others``. Only words that drop out are touched, so a display costs what it
    changes, not what it shows.
    """
    since: list[float | None] = [None] * size
    prefix, others = size, set[int]()
    time: float | None = None  # of the display after this one
    for display, match in zip(reversed(displays), reversed(matches), strict=True):
        limit = count(display)
        here = min(match.prefix, limit)
        elsewhere = {last for shown, last in match.rest if shown < limit}
        kept = {word for word in elsewhere if word < prefix or word in others}
        kept |= {word for word in others if word < here}
        dropped = (set(range(min(prefix, here), prefix)) | others) - kept
        for word in dropped:
            since[word] = time
        prefix, others, time = min(prefix, here), kept, display.time
    for word in (*range(prefix), *others):
        since[word] = time
    return since


def _finalisation(
    displays: Sequence[Display], ends: Mapping[int, float], size: int
) -> tuple[float, ...]:
    delays: list[float] = []
    done = 0
    for display in displays:
        if display.final <= done:
            continue
        matched = [word for word in range(done, min(display.final, size)) if word in ends]
        if matched:
            delays.append(display.time - ends[matched[-1]])
        done = display.final
    return tuple(delays)


def _erased(displays: Sequence[Display]) -> int:
    return sum(
        len(before.words) - common_prefix(before.words, after.words)
        for before, after in pairwise(displays)
    )
