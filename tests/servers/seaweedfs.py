"""SeaweedFS on loopback and free ports, in one process, in a folder of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from testproject.servers.processes import Processes, free_ports, is_responding

_PORTS = (
    "admin.port admin.port.grpc filer.port filer.port.grpc master.port master.port.grpc s3.port"
    " s3.port.grpc s3.port.iceberg s3.port.lance volume.port volume.port.grpc".split()
)
# Each bucket takes volumes of its own, and their number is what fits on the disk at this size:
# the tests make hundreds of buckets.
_VOLUME_MEGABYTES = 16
_OFF = ("admin.ui", "webdav", "s3.iam", "master.telemetry")


class SeaweedFS:
    """An S3 server that needs no root."""

    access_key = "AKSEAWEED0000000TEST"
    secret_key = "SKSEAWEED00000000000000000000000000000TEST"
    region = "us-east-1"

    def __init__(
        self, program: Path, folder: Path, ports: Sequence[int] = (), adopted: Sequence[int] = ()
    ) -> None:
        """Prepare a new server, or use the running one on these ports with these processes."""
        self._program = program
        self._folder = folder
        self._ports = dict(zip(_PORTS, ports or free_ports(len(_PORTS)), strict=True))
        self._processes = Processes(folder / "weed.log", adopted)

    def state(self) -> dict[str, Any]:
        """Return the arguments with which another process can use this server, as JSON."""
        return {
            "program": str(self._program),
            "folder": str(self._folder),
            "ports": list(self._ports.values()),
            "adopted": self._processes.pids,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return the object of a running server."""
        program, folder = Path(state["program"]), Path(state["folder"])
        return cls(program, folder, state["ports"], state["adopted"])

    @property
    def port(self) -> int:
        return self._ports["s3.port"]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> SeaweedFS:
        """Start it, and wait until it takes writes."""
        keys = {"accessKey": self.access_key, "secretKey": self.secret_key}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "app", "credentials": [keys], "actions": actions}
        config = self._folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        data = self._folder / "data"
        data.mkdir(exist_ok=True)  # It is there if the server was killed.
        options = [f"-{name}={port}" for name, port in self._ports.items()]
        options += [f"-{name}=false" for name in _OFF]
        options.append(f"-master.volumeSizeLimitMB={_VOLUME_MEGABYTES}")
        loopback = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={config}"]
        command: list[str | Path] = [self._program, "mini", f"-dir={data}", *loopback, *options]
        environment = {**os.environ, "TMPDIR": str(self._folder)}
        self._processes.start(command, cwd=self._folder, env=environment)
        self._processes.wait(lambda: is_responding(self.endpoint), "SeaweedFS")
        return self

    def leave(self) -> None:
        """Leave it running: another process stops it."""
        self._processes.leave()

    def stop(self) -> None:
        """Stop it, and remove the sockets that it leaves in the system's temporary folder."""
        self._processes.stop()
        for port in self._ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)
