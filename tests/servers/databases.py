"""Database servers: a fixture for tests that need one, and a command that runs tests on one.

``python -m tests.servers.databases mariadb python -m pytest tests/deletion`` starts the server,
names it to `tests.settings` in the environment, and stops it after the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import parts
from tests.servers.mariadb import MariaDB
from tests.servers.postgres import Postgres
from tests.servers.shared import share

DatabaseServer = MariaDB | Postgres

SERVERS: dict[str, type[MariaDB] | type[Postgres]] = {"mariadb": MariaDB, "postgres": Postgres}

EACH = [
    pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.needs("postgres")]),
    pytest.param("mariadb", marks=[pytest.mark.mariadb, pytest.mark.needs("mariadb")]),
]
"""The parameters of a test that runs on each server."""


@pytest.fixture(params=EACH)
def database_server(
    request: pytest.FixtureRequest,
    needs: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> DatabaseServer:
    """Return an empty database on a server that all workers share: PostgreSQL, then MariaDB."""
    name: str = request.param
    kind, program = SERVERS[name], needs(name)
    return share(tmp_path_factory, name, kind, lambda _: kind(program).start()).new_database()


def main(name: str, *command: str) -> int:
    """Return the exit status of a command that runs on a new server."""
    program = parts.locate(name)
    if program is None:
        sys.exit(parts.missing(name))
    server = SERVERS[name](program).start()
    try:
        settings = json.dumps(server.new_database().settings)
        environment = {**os.environ, "SHIFT_MEDIA_DATABASE": settings}
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
