"""Hypothesis strategies: valid keys and specs, and text that is nearly one."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from shift_media.core.formats import BY_EXTENSION, RESIZE_FORMATS
from shift_media.core.keys import MezzanineKey, OriginalKey, RenditionKey, ResizeKey
from shift_media.core.spec import (
    CENTRE,
    LOSSLESS,
    LOSSLESS_QUALITY,
    MAYBE_ANIMATED,
    MAYBE_LOSSLESS,
    MODES,
    Crop,
    Focal,
    Spec,
)

HEX = "0123456789abcdef"
KEY_CHARACTERS = string.ascii_lowercase + string.digits + "-_./"

sides = st.integers(1, 9999)
image_sides = st.integers(1, 20_000)
qualities = st.integers(1, 99)
modes = st.sampled_from(MODES)
formats = st.sampled_from(sorted(RESIZE_FORMATS))
colours = st.text(HEX, min_size=6, max_size=6)
percents = st.integers(0, 100)
focals = st.builds(Focal, percents, percents).filter(lambda point: point != CENTRE)
crops = st.builds(
    Crop,
    st.integers(0, 99_999),
    st.integers(0, 99_999),
    st.integers(1, 99_999),
    st.integers(1, 99_999),
)
_maybe_crops = st.none() | crops
near_crops = st.builds(Crop, st.integers(0, 2_000), st.integers(0, 2_000), sides, sides)
"""Crops of which most images show a part."""
turns = st.sampled_from((0, 90, 180, 270))
flips = st.sampled_from((None, "h"))
strengths = st.just(0) | st.integers(1, 100)
digests = st.text(HEX, min_size=8, max_size=8)
_maybe_digests = st.none() | digests
pages = st.just(1) | st.integers(2, 99_999)
signatures = st.text(HEX, min_size=32, max_size=32)
signing_keys = st.text(min_size=1, max_size=200).filter(lambda key: bool(key.strip()))
"""Signing keys as in settings: any text that is not blank."""


@st.composite
def specs(
    draw: st.DrawFn,
    modes: st.SearchStrategy[Any] = modes,
    sides: st.SearchStrategy[int] = sides,
    crops: st.SearchStrategy[Crop | None] = _maybe_crops,
    turns: st.SearchStrategy[int] = turns,
    digests: st.SearchStrategy[str | None] = _maybe_digests,
) -> Spec:
    """Draw a valid spec, with every option that its mode and format allow."""
    mode, format = draw(modes), draw(formats)
    width: int | None = draw(sides)
    height: int | None = draw(sides)
    if mode == "fit":
        open_side = draw(st.sampled_from(["neither", "width", "height"]))
        width = None if open_side == "width" else width
        height = None if open_side == "height" else height
    may_have_background = mode == "pad" or format == "jpg"
    background = draw(st.none() | colours) if may_have_background else None
    lossless = format in MAYBE_LOSSLESS and draw(st.booleans())
    return Spec(
        width=width,
        height=height,
        mode=mode,
        quality=LOSSLESS_QUALITY if lossless or format in LOSSLESS else draw(qualities),
        upscale=draw(st.booleans()),
        format=format,
        background=None if (format, background) == ("jpg", "ffffff") else background,
        crop=draw(crops),
        focal=draw(st.none() | focals) if mode == "fill" else None,
        rotate=draw(turns),
        flip=draw(flips),
        gray=draw(st.booleans()),
        blur=draw(strengths),
        sharpen=draw(strengths),
        lossless=lossless,
        animated=format in MAYBE_ANIMATED and draw(st.booleans()),
        page=draw(pages),
        digest=draw(digests),
        poster=draw(digests),
    )


_NOT_STEMS = {"con", "prn", "aux", "nul", "clock"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in range(10)
}
stems = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True).filter(
    lambda stem: stem not in _NOT_STEMS and "upscale" not in stem
)
names = st.builds("{}.{}".format, stems, st.sampled_from(sorted(BY_EXTENSION)))
ids = st.uuids(version=4).map(lambda value: str(value).replace("-", "/"))
originals = st.builds(OriginalKey, ids, names)
resize_keys = st.builds(ResizeKey, originals, specs(), signatures)
_segments = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,99}", fullmatch=True)
_files = st.lists(_segments, min_size=1, max_size=3).map("/".join)
_profiles = st.from_regex(r"[a-z][a-z0-9-]{1,31}", fullmatch=True)
rendition_keys = st.builds(RenditionKey, originals, _profiles, _files) | originals.map(
    lambda original: RenditionKey(original, "", "_poster.jpg")
)
mezzanine_keys = st.builds(MezzanineKey, originals, sides, formats)
keys = originals | resize_keys | rendition_keys | mezzanine_keys


@st.composite
def nearly(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Draw a text one character away from a valid one: changed, dropped, added or swapped."""
    text = draw(texts)
    at = draw(st.integers(0, len(text) - 1))
    other = draw(st.sampled_from(KEY_CHARACTERS + "AZ +%\n\r\0\\;?#²٣３é") | st.characters())
    kind = draw(st.sampled_from(["change", "drop", "add", "double", "swap", "upper"]))
    return {
        "change": text[:at] + other + text[at + 1 :],
        "drop": text[:at] + text[at + 1 :],
        "add": text[:at] + other + text[at:],
        "double": text[: at + 1] + text[at:],
        "swap": text[:at] + text[at : at + 2][::-1] + text[at + 2 :],
        "upper": text[:at] + text[at].upper() + text[at + 1 :],
    }[kind]


file_names = st.text(max_size=80) | st.builds(
    "{}{}.{}".format,
    st.text(max_size=20),
    st.sampled_from(
        ["upscale", "UpScale", "con", "é", "日本", "😀", "\u202e", "../", "\\", "\0", ""]
    ),
    st.text(max_size=10),
)
"""File names of clients."""
