"""Automatic widths: enough pixels for each page, from one ladder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.markup.sizes import format_sizes
from shift_media.markup.widths import LADDER, automatic_widths

NAMES = ("", "sm:", "md:", "lg:", "xl:")


@pytest.mark.parametrize(
    ("sizes", "first", "last"),
    [
        (None, 320, 3840),
        ("100vw", 320, 3840),
        ("50vw", 160, 1920),
        ("300px", 240, 640),
        ("20rem", 320, 640),
        ("(min-width: 1024px) 33vw, 100vw", 320, 2560),
        ("(min-width: 640px) 200px, 100vw", 160, 1280),
        ("calc(100vw - 2rem)", 320, 3840),
        ("(orientation: portrait) 50vw, 100vw", 320, 3840),
        ("9000px", 3840, 3840),
    ],
)
def test_automatic_widths_follow_sizes(sizes: str | None, first: int, last: int) -> None:
    widths = automatic_widths(sizes)
    assert (widths[0], widths[-1]) == (first, last)


shares = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(1, 100)), unique_by=lambda share: share[0]
)


@pytest.mark.slow
@given(shares, st.integers(320, 1920), st.sampled_from([1, 2]))
def test_each_page_has_a_width_with_enough_pixels_and_few_too_many(
    shares: list[tuple[str, int]], page: int, density: int
) -> None:
    given_sizes = " ".join(f"{name}{share}vw" for name, share in shares)
    sizes = format_sizes(given_sizes) if ":" in given_sizes else given_sizes or None
    starts = {"": 0, "sm:": 640, "md:": 768, "lg:": 1024, "xl:": 1280}
    holding = [(starts[name], share) for name, share in shares if starts[name] <= page]
    share = max(holding)[1] if holding else 100
    needed = share / 100 * page * density
    widths = automatic_widths(sizes)
    assert widths == [width for width in LADDER if widths[0] <= width <= widths[-1]]
    chosen = next(width for width in widths if width >= needed)
    assert chosen <= max(needed * 1.5, LADDER[0])
