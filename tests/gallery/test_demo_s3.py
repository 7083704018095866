"""`make demo-s3`: its output, the requests in the panel, and the removal of its data."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.files.base import File
from django.core.management import CommandError
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from testproject.gallery.management.commands import demo_s3
from testproject.servers.processes import is_listening
from testproject.traffic.log import TrafficLog
from tests.parts import ROOT
from tests.transcoding.conftest import H264, Draw, draw, pattern, sound
from tests.waiting import wait_until

__all__ = ["draw"]

DEMO = [sys.executable, "-u", "manage.py", "demo_s3"]


@pytest.mark.slow
def test_missing_packages_are_named_with_install_command() -> None:
    done = subprocess.run(
        DEMO, cwd=ROOT, env={**os.environ, "PATH": "/nowhere"}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends" in done.stderr
    for package in ("ceph-mon", "ceph-osd", "ceph-common", "radosgw"):
        assert package in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_s3_without_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_s3, "missing_packages", list)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CommandError, match="root"):
        demo_s3.Command().handle(address="127.0.0.1:8000", bucket_port=9000)


def test_traffic_log_returns_entries_after_position(tmp_path: Path) -> None:
    log = TrafficLog(tmp_path / "log")
    assert log.read(0) == ([], 0)
    log.add("bucket", "a.jpg", status=307)
    (first,), place = log.read(0)
    assert (first["server"], first["key"], first["status"]) == ("bucket", "a.jpg", 307)
    assert log.read(place) == ([], place)
    log.add("app", "a.jpg", status=302)
    assert [entry["server"] for entry in log.read(place)[0]] == ["app"]
    assert len(log.read(10**9)[0]) == 2  # a log begun anew
    with (tmp_path / "log").open("a") as half:
        half.write('{"server": "bu')
    assert len(log.read(0)[0]) == 2


def ask(method: str, url: str, **parts: Any) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=60)
    try:
        path = urlsplit(url)
        connection.request(method, f"{path.path}?{path.query}".rstrip("?"), **parts)
        answer = connection.getresponse()
        return answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def follow(url: str) -> list[int]:
    statuses: list[int] = []
    while len(statuses) < 10:
        status, headers, _ = ask("GET", url)
        statuses.append(status)
        if "location" not in headers:
            break
        url = urljoin(url, headers["location"])
    return statuses


@pytest.mark.rgw
@pytest.mark.long
@pytest.mark.needs("rgw", "ffmpeg")
def test_demo_s3_redirects_transcodes_and_leaves_nothing(
    tmp_path: Path, free_port: Callable[[], int], draw: Draw
) -> None:
    clip = draw("clip.mp4", *pattern(), *sound(), *H264)
    command = [*DEMO, f"127.0.0.1:{free_port()}", f"--bucket-port={free_port()}"]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "TMPDIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "testproject.settings",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output = until_ready(server)
        gallery, bucket = re.findall(r"(?:Gallery|Bucket)\s+(http://\S+)", output)[::-1]
        # The server listens a moment after it prints its address.
        wait_until(lambda: is_listening(urlsplit(gallery).port or 0))
        load_delete_and_load_again(gallery, bucket)
        assert video_of(gallery, clip).startswith(bucket)
        os.killpg(server.pid, signal.SIGINT)  # as Ctrl-C does
        rest, _ = server.communicate(timeout=120)
        assert server.returncode == 0, rest
        assert "Traceback" not in rest
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.communicate()
    # Except the lock that limits the transcoding processes of this host.
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
    left = map(command_of, Path("/proc").glob("[0-9]*/cmdline"))
    assert not any(str(tmp_path).encode() in line for line in left)


def command_of(path: Path) -> bytes:
    """Return the command of a process; empty if it has ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def until_ready(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    output = ""
    for line in server.stdout:
        output += line
        if "Ctrl-C stops it" in line:
            return output
    pytest.fail(output)


def load_delete_and_load_again(gallery: str, bucket: str) -> None:
    """Load a picture, delete it as the panel does, and load it again."""
    _, headers, body = ask("GET", f"{gallery}photos/1/")
    page = body.decode()
    assert 'id="traffic"' in page
    found = re.search(rf'{re.escape(bucket)}([^"]+-fill-[^"]+)', page)
    assert found is not None
    key = found[1]
    assert follow(bucket + key) == [307, 302, 200]
    assert follow(bucket + key) == [200]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1], "key": key}
    cookie = headers["set-cookie"].partition(";")[0]
    sent = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    delete = f"{gallery}traffic/delete/"
    assert ask("POST", delete, body=urllib.parse.urlencode(form), headers=sent)[0] == 204
    form["key"] = key.rpartition("/")[0] + "/" + key.split("/")[5]  # The original is not a resize.
    assert ask("POST", delete, body=urllib.parse.urlencode(form), headers=sent)[0] == 404
    assert follow(bucket + key) == [307, 302, 200]
    answer = json.loads(ask("GET", f"{gallery}traffic/?after=0")[2])
    seen = [(e["server"], e["status"]) for e in answer["entries"] if e["key"] == key]
    trip = [("bucket", 307), ("app", 302), ("bucket", 200)]
    assert seen == [*trip, ("bucket", 200), ("you", 204), *trip]


def video_of(gallery: str, clip: Path) -> str:
    """Upload a video, wait until the demo has transcoded it, and return the URL of its MP4."""
    _, headers, body = ask("GET", f"{gallery}videos/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', body.decode())
    assert token is not None
    parts = {"csrfmiddlewaretoken": token[1], "video": File(clip.open("rb"), clip.name)}
    sent = {"Cookie": headers["set-cookie"].partition(";")[0], "Content-Type": MULTIPART_CONTENT}
    form = encode_multipart(BOUNDARY, parts)
    status, headers, _ = ask("POST", f"{gallery}videos/", body=form, headers=sent)
    parts["video"].close()
    assert status == 302
    deadline = time.monotonic() + 240
    while True:
        player = json.loads(ask("GET", urljoin(gallery, f"{headers['location']}state/"))[2])
        if not player["live"]:
            break
        assert time.monotonic() < deadline, player
        time.sleep(0.2)
    found = re.search(r'src="([^"]+\.mp4)"', player["player"])
    assert found is not None, player
    status, headers, content = ask("GET", found[1])
    assert (status, headers["content-type"], content[4:8]) == (200, "video/mp4", b"ftyp")
    return found[1]
