"""Set limits on this process, then replace it by the program to run within them.

It runs as a script, in an isolated Python without site packages::

    launch.py PARENT CPU_SECONDS FILE_BYTES MEMORY_BYTES PROGRAM ARGUMENT …

A limit of 0 bytes of memory is none.

The alternative, a function between fork and exec (``preexec_fn``), is unsafe in a process that has
threads.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Apply the limits of the arguments and execute the program; never return."""
    parent, cpu, file_bytes, memory = (int(argument) for argument in sys.argv[1:5])
    if sys.platform == "linux":
        # A parent that is killed with SIGKILL cannot end its child. The kernel does it instead. If
        # the parent has died before this call, this process has another parent by now.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)
    for kind, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, file_bytes),
        *([(resource.RLIMIT_AS, memory)] if memory else []),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 (without a shell on purpose)


if __name__ == "__main__":
    main()
