from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
import sys

import numpy as np

from captioner.asr.allocator import keep_freed_memory

if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit("not glibc")


def use() -> None:
    np.ones(48 << 20, np.uint8)  # its pages are touched, then it is freed


use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that the kernel had to bring while large blocks were used again and again."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


def test_large_blocks_are_used_again_without_the_kernel() -> None:
    kept, given_back = faults("kept"), faults("as it is")
    assert kept < 100
    assert given_back > 10 * max(kept, 1)
