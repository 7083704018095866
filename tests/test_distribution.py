"""The parts of a release: the archives that ``make dist`` builds, and their metadata."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

import shift_media
from tests.parts import ROOT, script


@pytest.fixture(scope="module")
def dist() -> ModuleType:
    return script("dist")


def pack(path: Path, members: list[tuple[str, int, int]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, mode, mtime in members:
            member = tarfile.TarInfo(name)
            member.mode, member.mtime, member.uid, member.size = mode, mtime, mtime, len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return path


def test_repacked_sdist_depends_on_its_contents_alone(tmp_path: Path, dist: ModuleType) -> None:
    one = pack(tmp_path / "1.tar.gz", [("p/a", 0o600, 1), ("p/run", 0o700, 2)])
    other = pack(tmp_path / "2.tar.gz", [("p/run", 0o755, 4), ("p/a", 0o664, 3)])
    for path in (one, other):
        dist.repack(path, 1_000_000_000)
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as tar:
        found = [(m.name, m.mode, m.mtime, m.uid) for m in tar.getmembers()]
        assert tar.extractfile("p/a").read() == b"p/a"  # type: ignore[union-attr]
    assert found == [("p/a", 0o644, 1_000_000_000, 0), ("p/run", 0o755, 1_000_000_000, 0)]


def test_changelog_opens_with_the_version_of_the_package() -> None:
    first = re.search(r"^(\d\S+).*\n-+$", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE)
    assert first
    assert first[1] == shift_media.__version__


def test_version_is_written_in_one_place() -> None:
    assert "version = attr: shift_media.__version__" in (ROOT / "setup.cfg").read_text()
    for path in [*(ROOT / "docs").rglob("*.py"), ROOT / ".ci" / "run", ROOT / "Makefile"]:
        assert shift_media.__version__ not in path.read_text(), path
