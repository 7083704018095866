"""The fuzzer itself: it must find what is broken, and write files as they were read."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from shift_media.core.errors import Undecodable
from tests.fuzz import __main__ as fuzz_command
from tests.fuzz import seeds
from tests.fuzz.mutations import MOST_BYTES, Mutator
from tests.fuzz.oracle import require
from tests.fuzz.runner import fuzz, reproduce, save
from tests.fuzz.structures import BOXES, GIF, ICC, JPEG, PNG, RIFF, TIFF, Structure
from tests.fuzz.targets import PICTURES, TARGETS, Target

SPLIT: dict[str, tuple[Structure, Callable[[], list[bytes]]]] = {
    "jpeg": (JPEG, lambda: seeds.pictures("jpg")),
    "png": (PNG, lambda: seeds.pictures("png")[:7]),
    "webp": (RIFF, lambda: seeds.pictures("webp")[:5]),
    "gif": (GIF, lambda: seeds.pictures("gif")),
    "avif": (BOXES, lambda: seeds.pictures("avif")),
    "jp2": (BOXES, lambda: seeds.pictures("jp2")),
    "tiff": (TIFF, lambda: seeds.pictures("tif")),
    "exif": (TIFF, seeds.exif_blocks),
    "icc": (ICC, lambda: seeds.profiles()[1:3]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPLIT)
def test_file_that_is_split_and_joined_is_the_same(name: str) -> None:
    structure, of = SPLIT[name]
    for content in of():
        assert structure.join(structure.split(content)) == content


@pytest.mark.slow
def test_mutations_of_a_seed_are_the_same_and_short() -> None:
    begin = [content for name in PICTURES[:5] for content in seeds.pictures(name)[:2]]

    def changed() -> list[bytes]:
        mutator = Mutator(random.Random("7"))
        return [mutator.mutate(content, begin) for content in begin * 20]

    assert changed() == changed()
    assert len(set(changed())) > 190
    assert max(map(len, changed())) <= MOST_BYTES


def broken(check: Callable[[bytes], object]) -> Target:
    return Target("broken", check, lambda: [b"0123456789" * 4], (Undecodable,))


def raise_for_marker(content: bytes) -> None:
    if content[:1] != b"0":
        raise Undecodable
    if b"\xff" in content:
        raise KeyError(content)


def abort_for_marker(content: bytes) -> None:
    if b"\xff" in content:
        os.abort()


def break_promise(content: bytes) -> None:
    require(b"\xff" not in content, "there is no marker")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "kind"),
    [
        (raise_for_marker, "KeyError"),
        (abort_for_marker, "crash-SIGABRT"),
        (break_promise, "Violation"),
    ],
)
def test_broken_parser_is_found_and_its_input_made_small(
    check: Callable[[bytes], object], kind: str, tmp_path: Path
) -> None:
    target = broken(check)
    tally = fuzz(target, 0.5, "1", lambda tally: None)
    assert tally.executions > 9
    (found,) = tally.findings.values()
    assert found[0].kind == kind
    path = save(target, *found, tmp_path, seconds=5)
    assert len(path.read_bytes()) <= 2
    assert kind in path.with_suffix(".txt").read_text()
    again = reproduce(target, path.read_bytes())
    assert again is not None
    assert again.id == found[0].id


@pytest.mark.slow
def test_input_that_takes_all_memory_is_found() -> None:
    found = reproduce(broken(lambda content: bytearray(300 << 20)), b"0")
    assert found is not None
    assert found.kind == "memory"


def test_each_target_accepts_one_of_its_seeds() -> None:
    """Nothing is shown by a target that refuses everything."""
    for name in ("keys", "specs", "sns", "tickets", "ranges", "playlists", "profiles", "svg"):
        target = TARGETS[name]
        assert any(target.run(content) for content in target.seeds()), name


@pytest.mark.slow
def test_several_files_are_executed_again_each_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, "broken", broken(raise_for_marker))
    for name, content in {"good": b"00", "refused": b"1", "bad": b"0\xff"}.items():
        (tmp_path / name).write_bytes(content)
    words = ["--target", "broken", "--input"]
    paths = [str(tmp_path / name) for name in ("good", "refused", "bad")]
    assert fuzz_command.main([*words, *paths[:2]]) == 0
    assert capsys.readouterr().out.count("no promise is broken") == 2
    assert fuzz_command.main([*words, *paths]) == 1
    assert f"{paths[2]}: broken-KeyError" in capsys.readouterr().out
    assert fuzz_command.main([*words, f"{paths[0]}-gone"]) == 2
    assert "is not a file" in capsys.readouterr().err
