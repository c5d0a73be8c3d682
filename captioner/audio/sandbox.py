"""Gives up the rights that decoding does not need, for good.

The limits on resources hold on every system. What else there is depends on the kernel and on the
container around it; `restrict` tells what it got. Linux only, without privileges, and in this
order: namespaces first, since a process that was denied system calls cannot leave its own.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
import struct
import time
from pathlib import Path
from typing import Final

_DESCRIPTORS: Final = 16  # input, output, errors, the recording, and a few for good measure
_NICENESS: Final = 5  # live captions come first

# linux/sched.h
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000

# linux/prctl.h, linux/seccomp.h
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
_RET_ALLOW: Final = 0x7FFF0000
_RET_ERRNO: Final = 0x00050000

# linux/bpf_common.h: load a word of the call's data, compare it, return.
_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_INSTRUCTION: Final = struct.Struct("<HBBI")  # struct sock_filter
_DATA_NUMBER: Final = 0
_DATA_ARCH: Final = 4
_X32_CALLS: Final = 0x40000000  # numbers from here on are another way in

_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
# asm/unistd.h of each. Making sockets, processes, threads and programs, signals to others, other
# processes' memory, and the largest parts of the kernel that any process can reach.
_REFUSED: Final = {
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "connect": (42, 203),
    "clone": (56, 220), "clone3": (435, 435), "execve": (59, 221), "execveat": (322, 281),
    "kill": (62, 129), "rt_sigqueueinfo": (129, 138), "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438), "mount": (165, 40), "unshare": (272, 97), "setns": (308, 268),
    "perf_event_open": (298, 241), "bpf": (321, 280), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
}  # fmt: skip
_REFUSED_X86: Final = (57, 58)  # fork, vfork: other machines have clone only

# linux/landlock.h; the numbers of its calls are the same on all machines.
_LANDLOCK_CREATE: Final = 444
_LANDLOCK_RESTRICT: Final = 446
_LANDLOCK_VERSION: Final = 1
_FILE_RIGHTS: Final = (13, 14, 15, 15, 16)  # how many each version of the interface knows


def restrict(*, memory: int) -> list[str]:
    """Give up all rights but to compute, and to use the files and sockets that are open.

    Args:
        memory: Bytes of address space that this process may still add.

    Returns:
        What the kernel granted: ``network`` (no interface is left), ``files`` (none can be
        opened), ``calls`` (no socket, process or program can be made).
    """
    os.nice(_NICENESS)
    _limit(resource.RLIMIT_AS, _address_space() + memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    steps = {"network": _leave_network, "files": _close_files, "calls": _refuse_calls}
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    granted = [name for name, step in steps.items() if step(libc)]
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    return granted


def allow_processor(seconds: float) -> None:
    """Be killed by SIGXCPU after so many more seconds of processor time."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    end = math.ceil(time.process_time() + seconds)
    if hard != resource.RLIM_INFINITY:
        end = min(end, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (end, hard))


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _address_space() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _leave_network(libc: ctypes.CDLL) -> bool:
    # As root the new user namespace is not needed, and it is often forbidden.
    return any(
        libc.unshare(flags) == 0 for flags in (_CLONE_NEWUSER | _CLONE_NEWNET, _CLONE_NEWNET)
    )


def _close_files(libc: ctypes.CDLL) -> bool:
    """Landlock: every right that can be ruled on is, and there is no rule that grants any."""
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        return False
    files = (1 << _FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1]) - 1
    network = 0b11 if version >= 4 else 0  # noqa: PLR2004 - bind and connect, since version 4
    scopes = 0b11 if version >= 6 else 0  # noqa: PLR2004 - abstract sockets, signals, since 6
    known = 1 if version < 4 else 2 if version < 6 else 3  # noqa: PLR2004 - fields of the struct
    rules = struct.pack("<3Q", files, network, scopes)[: 8 * known]
    descriptor = libc.syscall(_LANDLOCK_CREATE, rules, len(rules), 0)
    if descriptor < 0:
        return False
    try:
        return bool(libc.syscall(_LANDLOCK_RESTRICT, descriptor, 0) == 0)
    finally:
        os.close(descriptor)


def _refuse_calls(libc: ctypes.CDLL) -> bool:
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        return False
    column = list(_ARCHITECTURES).index(machine)
    refused = tuple(numbers[column] for numbers in _REFUSED.values())
    if machine == "x86_64":
        refused += _REFUSED_X86
    program = ctypes.create_string_buffer(_program(_ARCHITECTURES[machine], refused))
    count = len(program) // _INSTRUCTION.size
    pointer = struct.pack("@HP", count, ctypes.addressof(program))  # struct sock_fprog
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0) == 0)


def _program(arch: int, refused: tuple[int, ...]) -> bytes:
    """Refuse the calls of the list, and all that are not made in the machine's own way."""
    # Each instruction: what it does, how many to skip if true, if false, its operand.
    steps = [(_LOAD, 0, 0, _DATA_ARCH), (_JUMP_EQUAL, 0, len(refused) + 3, arch)]
    steps += [(_LOAD, 0, 0, _DATA_NUMBER), (_JUMP_AT_LEAST, len(refused) + 1, 0, _X32_CALLS)]
    for index, number in enumerate(refused):
        steps.append((_JUMP_EQUAL, len(refused) - index, 0, number))
    steps += [(_RETURN, 0, 0, _RET_ALLOW), (_RETURN, 0, 0, _RET_ERRNO | errno.EPERM)]
    return b"".join(_INSTRUCTION.pack(*step) for step in steps)
