"""Resume tokens: all that another replica needs to go on with a session, signed.

A token holds no speech. Its key comes from the token file, so that every replica of a deployment
accepts every other's; where no token file is set there is nothing to protect (whoever reaches the
port may open any session), and the signature only catches damage.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from captioner.errors import ResumeExpired
from captioner.streaming.actions import Restart

VERSION = 2
_SIGNATURE_BYTES = 16
_KEY_CONTEXT = b"captioner resume token"


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """A session right after one of its finals."""

    session: str
    room: str
    track: str
    language: str
    append_only: bool
    position: int
    next_caption: int
    continuing: bool
    has_text: bool
    speaker_power: float

    @property
    def restart(self) -> Restart:
        """Where the session goes on."""
        return Restart(
            position=self.position,
            next_caption=self.next_caption,
            continuing=self.continuing,
            has_text=self.has_text,
            speaker_power=self.speaker_power,
        )


class ResumeTokens:
    """Writes resume tokens under the first of its keys, and reads those of any.

    Args:
        secrets: the lines of the token file; none where there is no such file.
    """

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._keys = [
            hmac.digest(_KEY_CONTEXT, secret, hashlib.sha256) for secret in secrets or [b""]
        ]

    def write(self, point: ResumePoint) -> str:
        """A token for a point: URL-safe text, well under 4 KiB."""
        payload = json.dumps([VERSION, *asdict(point).values()], separators=(",", ":")).encode()
        signature = _sign(self._keys[0], payload)
        return base64.urlsafe_b64encode(signature + payload).decode().rstrip("=")

    def read(self, token: str) -> ResumePoint:
        """The point that a token of this key names.

        Raises:
            ResumeExpired: it is not a token of this deployment and version, or damaged.
        """
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            data = b""
        signature, payload = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
        if not any(hmac.compare_digest(signature, _sign(key, payload)) for key in self._keys):
            raise ResumeExpired("not a resume token of this service, or its key was revoked")
        version, *values = json.loads(payload)
        if version != VERSION or len(values) != len(fields(ResumePoint)):
            raise ResumeExpired(
                f"the resume token is of version {version}, this service reads {VERSION}"
            )
        return ResumePoint(*values)


def _sign(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, hashlib.sha256)[:_SIGNATURE_BYTES]
