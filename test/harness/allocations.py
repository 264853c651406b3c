"""Counts what the threads of a program take from the heap, through harness/allocations."""

import mmap
import os
import struct
import tempfile

from harness.process import runfile

_SLOT = struct.Struct("<QQq40x")


class Allocations:
    """Give environment() to one program; ask while it runs."""

    def __init__(self):
        self._file = tempfile.NamedTemporaryFile()

    def environment(self):
        return {
            "LD_PRELOAD": runfile("test/harness/allocations/libcount_allocations.so"),
            "SLUICE_ALLOCATIONS": self._file.name,
        }

    def close(self):
        self._file.close()

    def _slots(self):
        with mmap.mmap(self._file.fileno(), 0, prot=mmap.PROT_READ) as memory:
            return [slot for slot in _SLOT.iter_unpack(memory[:]) if slot[0] != 0]

    def live_bytes(self):
        """What all threads together have taken and not given back."""
        return sum(live for _, _, live in self._slots())

    def count(self, pid, prefix):
        """How often the threads whose names begin with `prefix` have taken memory."""
        return sum(count for thread, count, _ in self._slots()
                   if thread_name(pid, thread).startswith(prefix))


def thread_name(pid, thread):
    """Empty for a thread that is gone."""
    try:
        with open("/proc/%d/task/%s/comm" % (pid, thread)) as f:
            return f.read().rstrip("\n")
    except FileNotFoundError:
        return ""


def threads(pid):
    """Names of the threads of a process, by their numbers."""
    return {int(thread): thread_name(pid, thread) for thread in os.listdir("/proc/%d/task" % pid)}
