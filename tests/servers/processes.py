"""Server processes, which the demonstration starts too."""

from __future__ import annotations

from testproject.servers.processes import Processes, answers, free_ports, listens

__all__ = ["Processes", "answers", "free_ports", "listens"]
