"""Files of the local disk behind the servers that sites run on, WSGI and ASGI."""

from __future__ import annotations

import http.client
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from shift_media.core.keys import new_original_key
from shift_media.resizes import builder
from shift_media.storages import LocalMediaStorage
from tests.imaging import images
from tests.resizes.conftest import picture
from tests.servers.web import COMMANDS, is_worker, serving, tree

Answer = tuple[int, dict[str, str], bytes]

LARGE_BYTES = 96 << 20
MOST_GROWTH_BYTES = 24 << 20
"""The memory that a server may use more after it sent the large file; its blocks are 256 KiB."""


@pytest.fixture(scope="module", params=COMMANDS)
def server(
    request: pytest.FixtureRequest,
    needs: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SimpleNamespace]:
    """Return one server with a picture and a large file; each is started once."""
    folder = tmp_path_factory.mktemp(request.param)
    storage = LocalMediaStorage(folder / "media", base_url="/media/")
    key, large = str(new_original_key("photo", "jpg")), str(new_original_key("film", "mp4"))
    content = picture()
    storage.put(key, io.BytesIO(content), content_type="image/jpeg")
    storage.put(large, io.BytesIO(b"x"), content_type="video/mp4")
    os.truncate(storage.path(large), LARGE_BYTES)
    with serving(request.param, needs(request.param), folder) as (port, processes):
        yield SimpleNamespace(
            port=port, processes=processes, resize=builder.build(key, "20x", storage=storage).url,
            path=f"/media/{key}", large=f"/media/{large}",
            content=content, name=request.param,
        )  # fmt: skip


def ask(server: SimpleNamespace, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, headers=headers)
        got = connection.getresponse()
        return got.status, {n.lower(): v for n, v in got.getheaders()}, got.read()
    finally:
        connection.close()


@pytest.mark.slow
def test_server_answers_ranges_with_their_bytes(server: SimpleNamespace) -> None:
    content, size = server.content, len(server.content)
    assert ask(server, server.path)[2] == content
    for asked, start, end in (
        ("bytes=0-", 0, size),
        ("bytes=0-9", 0, 10),
        ("bytes=10-19", 10, 20),
        ("bytes=10-", 10, size),
        ("bytes=-7", size - 7, size),
    ):
        status, headers, body = ask(server, server.path, Range=asked)
        assert (status, body) == (206, content[start:end]), asked
        assert headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        status, headers, body = ask(server, server.path, "HEAD", Range=asked)
        assert (status, headers["content-length"], body) == (206, str(end - start), b"")
    status, headers, _ = ask(server, server.path, Range=f"bytes={size}-")
    assert (status, headers["cache-control"]) == (416, "no-store")


@pytest.mark.slow
def test_server_answers_conditions_and_encoded_paths(server: SimpleNamespace) -> None:
    etag = ask(server, server.path)[1]["etag"]
    status, headers, body = ask(server, server.path, **{"If-None-Match": etag})
    assert (status, headers["etag"], body) == (304, etag, b"")
    assert ask(server, server.path.replace("photo", "%70hoto", 1))[0] == 404
    assert ask(server, server.path, "POST")[0] == 405


@pytest.mark.slow
def test_server_decodes_pictures_in_a_worker(server: SimpleNamespace) -> None:
    status, _, body = ask(server, server.resize)
    assert status == 200
    assert images.opened(body).width == 20
    assert any(map(is_worker, tree(server.processes.pids)))


@pytest.mark.slow
def test_server_holds_no_large_file_in_memory(server: SimpleNamespace) -> None:
    ask(server, server.path)
    before = peak_bytes(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", server.large)
    response = connection.getresponse()
    received = 0
    while block := response.read(1 << 20):
        received += len(block)
    connection.close()
    assert received == LARGE_BYTES
    assert peak_bytes(server) - before < MOST_GROWTH_BYTES


def peak_bytes(server: SimpleNamespace) -> int:
    """Return the sum of the peak memory of a server's processes."""
    return sum(_peak(pid) for pid in tree(server.processes.pids))


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024
