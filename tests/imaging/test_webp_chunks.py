"""Chunks of WebP that decoders ignore are removed, and change nothing that counts."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest

from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe, read_header
from shift_media.imaging.strip import strip
from tests.imaging import images

SECRET = b"Berlin 52.5, 13.4 by Ann"
STILL = images.encoded(images.quadrants(), "webp", icc_profile=images.srgb_profile())
MOVING = images.animated("webp", [images.quadrants(), images.photograph(64, 48)], [90, 90], loop=3)
SPEC = Spec.make("20x", format="png")


def chunk(type: bytes, content: bytes) -> bytes:
    return type + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp(*parts: bytes) -> bytes:
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def same(content: bytes, original: bytes) -> bytes:
    """Return a picture without its metadata, which looks and counts as another one."""
    clean = strip(BytesIO(content)).read()
    assert strip(BytesIO(clean)).read() == clean
    assert probe(BytesIO(clean)) == probe(BytesIO(content)) == probe(BytesIO(original))
    made = [engine.make(BytesIO(each), SPEC) for each in (clean, content, original)]
    assert made == [made[0]] * 3
    return clean


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("type", [b"ANMF", b"ANIM"])
def test_animation_that_a_webp_does_not_announce_is_removed(type: bytes) -> None:
    assert SECRET[:6] not in same(webp(STILL[12:], chunk(type, SECRET)), STILL)


@pytest.mark.acceptance(36)
def test_first_profile_and_first_loop_count_and_are_kept() -> None:
    other = chunk(b"ICCP", SECRET)
    twice = webp(STILL[12:30], STILL[30:], other)
    assert SECRET not in same(twice, STILL)
    again = webp(MOVING[12:], chunk(b"ANIM", SECRET[:6]))
    clean = same(again, MOVING)
    assert SECRET[:6] not in clean
    loops = [read_header(BytesIO(each)).loop for each in (again, clean, MOVING)]
    assert loops == [loops[0]] * 3


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("type", [b"ANIM", b"ICCP", b"ANMF"])
def test_chunk_before_the_flags_that_announce_it_does_not_count(type: bytes) -> None:
    for content in (STILL, MOVING):
        early = webp(chunk(type, SECRET[:6]), content[12:])
        clean = strip(BytesIO(early)).read()
        assert SECRET[:6] not in clean
        assert probe(BytesIO(clean)) == probe(BytesIO(content))
