"""A control group of the kernel with a limit of memory, for programs that are to feel a real one."""

import os
import unittest


def _folders():
    """Where a group can be made: version 1 below our own, version 2 below the root, because a group
    that holds processes must have no groups with limits below it."""
    with open("/proc/self/cgroup") as f:
        for line in f:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if "memory" in controllers.split(","):
                yield "/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes"
                yield "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
    yield "/sys/fs/cgroup", "memory.max"


class MemoryGroup:
    """Skips the test where the kernel or our rights allow none. `limit` in bytes."""

    def __init__(self, limit):
        for folder, self.limit_file in _folders():
            self.path = os.path.join(folder, "sluice-test-%d" % os.getpid())
            try:
                os.mkdir(self.path)
            except OSError:
                continue
            try:
                with open(os.path.join(self.path, self.limit_file), "w") as f:
                    f.write(str(limit))
                return
            except OSError:
                os.rmdir(self.path)
        raise unittest.SkipTest("no control group with a limit of memory can be made here")

    def command(self, *arguments):
        """The command that runs `arguments` in the group from their first instruction on."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"',
                os.path.join(self.path, "cgroup.procs"), *arguments]

    def killed(self):
        """Whether the kernel had to kill in it."""
        name = "memory.events" if self.limit_file == "memory.max" else "memory.oom_control"
        with open(os.path.join(self.path, name)) as f:
            counts = dict(line.split() for line in f)
        return int(counts.get("oom_kill", 0)) > 0

    def close(self):
        """When all that ran in it has ended."""
        os.rmdir(self.path)
