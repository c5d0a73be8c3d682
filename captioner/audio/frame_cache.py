"""The frames of a stream that were computed, in blocks, beside each other for windows to copy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

_INITIAL_BLOCKS = 32


class FrameCache:
    """Columns of features by block, from the first block still kept on.

    Blocks may be put in any order, and again. Memory stays within four times the span that was
    ever kept; a stream of which nothing was asked has none.

    Args:
        n_mels: Values of a frame.
        block: Frames of a block.
    """

    def __init__(self, n_mels: int, block: int) -> None:
        self._n_mels = n_mels
        self._block = block
        self._first = 0
        self._valid: dict[int, int] = {}
        self._columns: Float32 = np.empty((n_mels, 0), np.float32)
        self._loudest: Float32 = np.empty(0, np.float32)
        self._offset = 0  # block that the first column belongs to

    def __len__(self) -> int:
        """How many blocks are kept."""
        return len(self._valid)

    def valid(self, number: int) -> int:
        """How many leading frames of a block are there."""
        return self._valid.get(number, 0)

    def put(self, first: int, columns: Float32, loudest: Float32, *, valid: int) -> None:
        """Keep successive blocks, none of which is forgotten.

        Args:
            first: number of the first block.
            columns: (n_mels, frames of all blocks).
            loudest: (frames of all blocks,) the loudest value of each frame.
            valid: leading frames that are what they will stay.
        """
        count = len(loudest) // self._block
        if (first + count - self._offset) * self._block > len(self._loudest):
            self._make_room(first + count)
        at = (first - self._offset) * self._block
        self._columns[:, at : at + len(loudest)] = columns
        self._loudest[at : at + len(loudest)] = loudest
        for number in range(count):
            self._valid[first + number] = min(valid - number * self._block, self._block)

    def view(self, start: int, stop: int) -> tuple[Float32, Float32]:
        """The frames of [start, stop), which were put: (n_mels, n) and (n,), until the next put."""
        shift = self._offset * self._block
        where = slice(start - shift, stop - shift)
        return self._columns[:, where], self._loudest[where]

    def forget(self, before: int) -> None:
        """Drop the blocks before one."""
        for number in range(self._first, before) if len(self._valid) else ():
            self._valid.pop(number, None)
        self._first = max(self._first, before)

    def _make_room(self, stop: int) -> None:
        kept = (self._first - self._offset) * self._block
        needed = (stop - self._first) * self._block
        columns, loudest = self._columns, self._loudest
        # Moving is paid for by the half of the space that was filled since the last move.
        if needed > len(loudest) // 2:
            capacity = max(2 * needed, _INITIAL_BLOCKS * self._block)
            columns = np.empty((self._n_mels, capacity), np.float32)
            loudest = np.empty(capacity, np.float32)
        count = max(0, len(self._loudest) - kept)
        columns[:, :count] = self._columns[:, kept : kept + count]
        loudest[:count] = self._loudest[kept : kept + count]
        self._columns, self._loudest, self._offset = columns, loudest, self._first
