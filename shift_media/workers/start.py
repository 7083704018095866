"""Start a worker process: a script that lowers the limits before it imports any decoder.

It runs in an isolated Python without site packages, with the connection to the server as its
standard input::

    start.py OPTIONS

``OPTIONS`` is JSON: the search path for modules, and the arguments of `lower_limits` and
`shift_media.workers.loop.serve`. The worker ends when the connection is closed, by the server or
by its death.
"""

import contextlib
import ctypes
import faulthandler
import json
import resource
import sys

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNET = 0x40000000  # linux/sched.h

MAX_FILE_BYTES = 1 << 16
"""Of a file that the worker writes. It writes none but its standard error."""

OOM_SCORE = "500"
"""Of 1000 (proc_pid_oom_score_adj(5)): the kernel kills the worker rather than the server."""


def main() -> None:
    """Lower the limits, and decode what the server sends."""
    options = json.loads(sys.argv[1])
    sys.path[:] = options.pop("path")
    faulthandler.enable()
    lower_limits(options.pop("memory"))
    from shift_media.workers.loop import serve

    serve(**options)


def lower_limits(memory: int) -> None:
    """Lower the limits that hold for the whole life of the worker."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(OOM_SCORE)
    kernel = ctypes.CDLL(None)
    kernel.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Processes that a decoder has started are found, even if their parent has ended.
    kernel.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Without the privilege it fails. Then there is a network, but no socket can be opened.
    kernel.unshare(CLONE_NEWNET)
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


if __name__ == "__main__":
    main()
