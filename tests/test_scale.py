"""The estimates of ``python -m benchmarks.scale``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.scale import Site, decay, main, need


def test_twice_the_cold_requests_need_twice_the_cores() -> None:
    one, two = need(Site(cold=10_000)), need(Site(cold=20_000))
    assert two.cores == pytest.approx(2 * one.cores, abs=1)
    assert two.puts == one.puts


def test_each_resize_is_stored_once_a_month() -> None:
    assert need(Site(uploads=10, sizes=3)).puts == 10 * 30 * (1 + 3)


def test_prices_are_parameters() -> None:
    free = {name: 0 for name in vars(Site()) if name.endswith("_price")}
    assert need(replace(Site(), **free)).dollars == 0
    assert need(replace(Site(), **{**free, "core_price": 2.0})).dollars == 2 * need(Site()).cores


@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_no_resize_misses_twice(skew: float) -> None:
    shares = list(decay(500, 1000, 20, skew=skew))
    assert sum(shares) * 1000 <= 500
    assert shares[0] > shares[-1]


@pytest.mark.slow
def test_program_prints_the_needs_of_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--cold", "23", "--cores", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("hosts")).split()[-1] == "1"
