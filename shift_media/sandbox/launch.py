"""Set limits on this process, then become the program that is to run within them.

Run as a script, by a Python without its site packages::

    launch.py PARENT CPU_SECONDS FILE_BYTES MEMORY_BYTES PROGRAM ARGUMENT …

A function between fork and exec (``preexec_fn``) would do the same, but is unsafe in a process
that has threads.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Read the arguments and never return."""
    parent, cpu, file_bytes, memory = (int(argument) for argument in sys.argv[1:5])
    if sys.platform == "linux":
        # Who is killed with -9 cannot kill us: the kernel does.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)
    for kind, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 (a shell is what must not be there)


if __name__ == "__main__":
    main()
