"""The events of a room to the messages of WatchCaptions, and back. Pure."""

from __future__ import annotations

from typing import assert_never

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
from captioner.rooms.position import Position
from captioner.rpc import responses
from captioner.rpc.convert import NANOS
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.transcript import SAMPLE_RATE

_REASONS = {
    ResetReason.EPOCH: pb.ROOM_RESET_REASON_EPOCH,
    ResetReason.TRUNCATED: pb.ROOM_RESET_REASON_TRUNCATED,
}


def room_response(event: RoomEvent, *, word_times: bool) -> pb.WatchCaptionsResponse:
    """The message of an event."""
    match event:
        case Reset(reason=reason):
            return pb.WatchCaptionsResponse(reset=pb.RoomReset(reason=_REASONS[reason]))
        case Delivered(position=position, said=said):
            message = _caption(said, word_times=word_times)
            message.position = str(position)
            return pb.WatchCaptionsResponse(caption=message)
        case Retracted(position=position, key=key):
            return pb.WatchCaptionsResponse(
                retraction=pb.RoomRetraction(
                    position=str(position), session_id=key.session, caption_id=key.caption
                )
            )
        case CaughtUp(position=arrived):
            return pb.WatchCaptionsResponse(
                caught_up=pb.RoomCaughtUp(position=written_position(arrived))
            )
        case RoomEnded(position=position):
            return pb.WatchCaptionsResponse(ended=pb.RoomEnded(position=str(position)))
        case _:
            assert_never(event)


def heartbeat(position: Position | None) -> pb.WatchCaptionsResponse:
    """The message that says that nothing happened."""
    return pb.WatchCaptionsResponse(heartbeat=pb.RoomHeartbeat(position=written_position(position)))


def written_position(position: Position | None) -> str:
    """A position as it goes over the wire; empty for none."""
    return str(position) if position else ""


def _caption(said: RoomCaption, *, word_times: bool) -> pb.RoomCaption:
    speaker = said.speaker
    return pb.RoomCaption(
        session_id=speaker.session,
        track=speaker.track,
        speaker_identity=speaker.identity,
        speaker_name=speaker.name,
        caption=responses.caption_message(said.caption, origin=said.origin, word_times=word_times),
    )


# --- As a client reads them


def room_event(response: pb.WatchCaptionsResponse) -> RoomEvent | None:
    """The event of a message; None for one that says nothing of the room's captions.

    Raises:
        InvalidRequest: a position is not one.
    """
    match response.WhichOneof("response"):
        case "reset":
            return Reset(_reason(response.reset.reason))
        case "caption":
            message = response.caption
            return Delivered(Position.parse(message.position), _said(message))
        case "retraction":
            gone = response.retraction
            key = CaptionKey(gone.session_id, gone.caption_id)
            return Retracted(Position.parse(gone.position), key)
        case "caught_up":
            return CaughtUp(read_position(response.caught_up.position))
        case "ended":
            return RoomEnded(Position.parse(response.ended.position))
        case _:
            return None


def read_position(text: str) -> Position | None:
    """Read a position that came over the wire; empty for none.

    Raises:
        InvalidRequest: it is not one.
    """
    return Position.parse(text) if text else None


def _reason(value: int) -> ResetReason:
    truncated = value == pb.ROOM_RESET_REASON_TRUNCATED
    return ResetReason.TRUNCATED if truncated else ResetReason.EPOCH


def _said(message: pb.RoomCaption) -> RoomCaption:
    speaker = Speaker(
        message.session_id, message.track, message.speaker_identity, message.speaker_name
    )
    caption = responses.caption(message.caption)
    start_time = message.caption.start_time.ToNanoseconds() / NANOS
    return RoomCaption(speaker, caption, start_time - caption.start / SAMPLE_RATE)
