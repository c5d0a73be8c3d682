"""People who speak in a room, and a reader that holds its hub to what it promises."""

from __future__ import annotations

from dataclasses import dataclass, field

from captioner.rooms.captions import (
    CaptionKey,
    CaughtUp,
    Delivered,
    Reset,
    ResetReason,
    Retracted,
    RoomCaption,
    RoomEnded,
    RoomEvent,
    Speaker,
)
from captioner.rooms.follower import Follower
from captioner.rooms.notices import Joined, Left, Present, Spoke, Voice
from captioner.rooms.position import Position
from captioner.transcript import SAMPLE_RATE, Caption, Word

ROOM = "salle"


def caption(
    number: int, text: str = "", *, final: bool = False, revision: int = 1, start: int | None = None
) -> Caption:
    """A caption of one second a word; its start is its number, unless given in seconds."""
    first = (number if start is None else start) * SAMPLE_RATE
    words = tuple(
        Word(word, first + index * SAMPLE_RATE, first + (index + 1) * SAMPLE_RATE, 0.5)
        for index, word in enumerate(text.split())
    )
    end = words[-1].end if words else first
    committed = len(words) if final else 0
    return Caption(number, revision, first, end, words, committed, final, "fr")


@dataclass
class Person:
    """A session in a room: makes the notices of its publisher."""

    session: str = "s1"
    room: str = ROOM
    attachment: str = "a1"
    origin: float = 1000.0

    @property
    def voice(self) -> Voice:
        speaker = Speaker(self.session, f"piste-{self.session}", self.session, "Claire Dubois")
        return Voice(self.room, speaker, self.attachment)

    def resumed(self, attachment: str) -> Person:
        return Person(self.session, self.room, attachment, self.origin)

    def joins(self) -> Joined:
        return Joined(self.voice)

    def leaves(self) -> Left:
        return Left(self.voice)

    def is_there(self, *, talking: bool = False) -> Present:
        return Present(self.voice, talking)

    def says(self, said: Caption) -> Spoke:
        return Spoke(self.voice, RoomCaption(self.voice.speaker, said, self.origin))

    def interim(self, number: int, text: str = "euh", revision: int = 1) -> Spoke:
        return self.says(caption(number, text, revision=revision))

    def final(self, number: int, text: str = "bien") -> Spoke:
        return self.says(caption(number, text, final=True, revision=99))


@dataclass
class Reader:
    """Keeps the latest revision of each caption, and checks every promise on the way."""

    finals: dict[CaptionKey, RoomCaption] = field(default_factory=dict)
    interims: dict[CaptionKey, RoomCaption] = field(default_factory=dict)
    position: Position | None = None
    resets: list[ResetReason] = field(default_factory=list)
    events: list[RoomEvent] = field(default_factory=list)
    caught_up: bool = False
    ended: bool = False

    def begin(self) -> None:
        """A new following: what was shown for the moment is told again."""
        self.interims.clear()
        self.caught_up = False
        self.ended = False

    def take(self, event: RoomEvent) -> None:
        assert not self.ended
        self.events.append(event)
        match event:
            case Reset(reason=reason):
                self.resets.append(reason)
                self.finals, self.interims, self.position = {}, {}, None
                self.caught_up = False
            case Delivered(position=position, said=said):
                self._take(position, said)
            case Retracted(position=position, key=key):
                assert position == self.position or self.position is None
                del self.interims[key]
            case CaughtUp():
                assert not self.caught_up
                self.caught_up = True
            case RoomEnded():
                self.ended = True

    def _take(self, position: Position, said: RoomCaption) -> None:
        before = self.position
        assert said.key not in self.finals  # neither twice, nor an interim after its final
        if said.caption.final:
            assert before is None or position.epoch == before.epoch
            assert before is None or position.sequence > before.sequence
            self.finals[said.key] = said
            self.interims.pop(said.key, None)
        else:
            assert before is None or position == before
            self.interims[said.key] = said
        self.position = position

    @property
    def text(self) -> list[str]:
        return [said.caption.text for said in self.finals.values()]

    @property
    def shown(self) -> list[str]:
        return [said.caption.text for said in self.interims.values()]

    async def read(self, follower: Follower, *, until: str = "", events: int = 0) -> None:
        """Take events until a final says `until`, or so many; or else until the room ends."""
        taken = 0
        async for event in follower:
            self.take(event)
            taken += 1
            if until and self.text[-1:] == [until]:
                return
            if taken == events:
                return
