"""The C allocator, told to keep the large buffers of an engine."""

from __future__ import annotations

import ctypes

# Options of mallopt(3).
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_ARENA_MAX = -8
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep what is freed for the next allocation, in this process, for good.

    Glibc takes blocks of more than 32 MiB from the kernel and gives each back when it is freed. The
    attention of an encoder over 23 s or more needs several for each layer, and clearing their pages
    again and again takes a quarter of its time. From here on the process does not shrink: it stays
    at its peak. Called before the engine is built, as its threads have their memory from then on.

    Returns:
        Whether the allocator took it: it is glibc's.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # One arena: those of other threads hold at most 64 MiB, larger blocks would not find room.
    options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_ARENA_MAX, 1))
    answers = [mallopt(option, value) for option, value in options]
    return all(answers)
