"""What is left of a drawing, by the script alone."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.rasters import scaled_size
from shift_media.sandbox import pdf_worker, svg_worker
from shift_media.sandbox.svg_worker import DrawingRefused, sanitize
from tests.parts import package

package("py_svg_hush", "svg")

pytestmark = pytest.mark.acceptance(74)

OPEN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
RECT = '<rect id="r" width="5" height="5"/>'


def left(inside: str, attributes: str = "", prologue: str = "") -> str:
    drawing = f"{prologue}{OPEN}{attributes}>{inside}{RECT}</svg>"
    return sanitize(drawing.encode())[0].decode()


ACTIVE = [
    "<script>alert(1)</script>",
    '<script href="http://evil.example/x.js"/>',
    '<rect onclick="alert(1)" ONLOAD="alert(1)"/>',
    '<foreignObject><html:iframe xmlns:html="http://www.w3.org/1999/xhtml"/></foreignObject>',
    '<a href="javascript:alert(1)"><text>x</text></a>',
    '<a xlink:href=" java&#10;script:alert(1)"><text>x</text></a>',
    '<animate attributeName="href" values="javascript:alert(1)"/>',
    '<set attributeName="onmouseover" to="alert(1)"/>',
    '<handler xmlns="http://www.w3.org/2001/xml-events" type="text/ecmascript">alert(1)</handler>',
    '<html:script xmlns:html="http://www.w3.org/1999/xhtml">alert(1)</html:script>',
]
OUTSIDE = [
    '<image href="http://evil.example/a.png"/>',
    '<image xlink:href="//evil.example/a.png"/>',
    '<image href="/admin/logout/"/>',
    '<image href="data:image/svg+xml;base64,PHN2Zz4="/>',
    '<image href="data:image/png;base64,iVBORw0KGgo="/>',
    '<use href="http://evil.example/a.svg#b"/>',
    '<use xlink:href="data:image/svg+xml;base64,PHN2Zz4=#x"/>',
    '<filter id="f"><feImage href="http://evil.example/a.png"/></filter>',
    '<rect fill="url(http://evil.example/a.svg#b)"/>',
    "<rect fill=\"url( '//evil.example/a.svg#b' )\"/>",
    '<rect style="fill:url(http://evil.example/a)"/>',
    '<rect style="fill:u\\72l(http://evil.example/a)"/>',
    '<rect fill="u\\72l(http://evil.example/a)"/>',
    "<rect style=\"background:image-set('http://evil.example/a' 1x)\"/>",
    "<rect mask=\"image-set('https:evil.example/a' 1x)\"/>",
    "<rect style=\"mask:cross-fade('https:evil.example/a', red)\"/>",
    "<style>@import url(http://evil.example/a.css);</style>",
    "<style>@import 'http://evil.example/a.css';</style>",
    "<style>rect{fill:u\\72l(http://evil.example/a)}</style>",
    "<style>@font-face{font-family:x;src:url(http://evil.example/a.woff)}</style>",
    "<g><style>rect{fill:url(//evil.example/a)}</style></g>",
    '<g xml:base="http://evil.example/"><use href="#r"/></g>',
    '<a href="http://evil.example/"><text>x</text></a>',
]


@pytest.mark.parametrize("inside", ACTIVE + OUTSIDE)
def test_stored_drawing_has_nothing_active_and_loads_nothing(inside: str) -> None:
    text = left(inside)
    assert 'id="r"' in text
    assert not re.search(r"evil|alert|script|data:|foreign|iframe|\bon[a-z]+=|logout|\\", text)
    for element in ElementTree.fromstring(text).iter():
        assert element.tag.startswith(f"{{{svg_worker.SVG}}}")
        for name, value in element.attrib.items():
            assert not name.endswith("href") or value.startswith("#")


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]>',
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "http://evil.example/a">]>',
        '<!DOCTYPE svg SYSTEM "http://evil.example/a.dtd">',
        '<?xml-stylesheet href="http://evil.example/a.css"?>',
    ],
)
def test_prologue_is_dropped_and_no_entity_is_fetched(prologue: str) -> None:
    assert not re.search(r"evil|root:|ENTITY|DOCTYPE|xml-stylesheet", left("", prologue=prologue))


def bomb(levels: int, width: int, make: str) -> str:
    groups = [f'<g id="a0">{RECT}</g>'.replace('id="r" ', "")]
    for level in range(1, levels):
        inside = make.format(level - 1) * width
        groups.append(f'<g id="a{level}">{inside}</g>')
    return f"<defs>{''.join(groups)}</defs>" + make.format(levels - 1)


@pytest.mark.parametrize(
    "inside",
    [
        bomb(9, 10, '<use href="#a{}"/>'),
        bomb(9, 10, '<use xlink:href="#a{}"/>'),
        bomb(9, 10, '<rect fill="url(#a{})"/>'),
        bomb(9, 10, "<rect filter=\"url('#a{}')\"/>"),
        "<g>" * 201 + "</g>" * 201,
        "<g/>" * svg_worker.MAX_ELEMENTS,
    ],
    ids=["use", "xlink", "paint", "quoted", "deep", "many"],
)
def test_bomb_is_too_complex(inside: str) -> None:
    with pytest.raises(DrawingRefused) as caught:
        left(inside)
    assert caught.value.args[0] == "too_complex"


def test_references_in_a_circle_are_no_bomb() -> None:
    assert "use" in left('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>')


def test_billion_laughs_are_refused() -> None:
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    prologue = f'<!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]>'
    with pytest.raises(DrawingRefused):
        left("<text>&a9;</text>", prologue=prologue)


@pytest.mark.parametrize(
    "content", [b"", b"<svg/>", b"<html/>", b"<svg", b"\xff\xfe<\0s\0", OPEN.encode()]
)
def test_what_is_no_drawing_is_refused(content: bytes) -> None:
    with pytest.raises(DrawingRefused) as caught:
        sanitize(content)
    assert caught.value.args[0] == "undecodable"


def test_what_a_drawing_needs_is_kept() -> None:
    inside = (
        '<style>.a{fill:#fff;filter:url(#f)}</style><defs><linearGradient id="g"><stop/>'
        '</linearGradient></defs><rect class="a" fill="url(#g)" style="stroke:url(#g)"/>'
        '<use href="#r"/><use xlink:href="#r"/><path d="M0 0L1 1"/><text x="1">Grüße</text>'
    )
    text = left(inside, 'viewBox="0 0 24 24"')
    for part in (".a{fill", "linearGradient", 'fill="url(#g)"', "stroke:url(#g)", "Grüße"):
        assert part in text
    assert text.count('href="#r"') == 2
    assert sanitize(text.encode())[0].decode() == text


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="30" height="20"', (30, 20)),
        ('width="1in" height="25.4mm"', (96, 96)),
        ('viewBox="0 0 24 12"', (24, 12)),
        ('viewBox="0,0,24,12" width="100%" height="100%"', (24, 12)),
        ('viewBox="0 0 24 12" width="48"', (48, 24)),
        ('viewBox="0 0 24 12" height="6px"', (12, 6)),
        ('viewBox="0 0 0 12"', (300, 150)),
        ('viewBox="a b c d" width="-5" height="1e"', (300, 150)),
        ('width="1e99" height="1"', (100_000, 1)),
        ('width="1e999" height="1"', (300, 1)),
        ('width="1e9" height="1e9"', (100_000, 100_000)),
        ('width="0.001" height="0.001"', (1, 1)),
        ("", (300, 150)),
    ],
)
def test_size_is_that_of_browsers_in_css_pixels(attributes: str, size: tuple[int, int]) -> None:
    assert sanitize(f"{OPEN}{attributes}>{RECT}</svg>".encode())[1] == size


@given(st.integers(1, 10**5), st.integers(1, 10**5), st.integers(1, 4096))
def test_scripts_scale_as_the_app_does(width: int, height: int, side: int) -> None:
    size: Any = scaled_size((width, height), side)
    assert svg_worker.scaled((width, height), side) == size
    assert pdf_worker.scaled((width, height), side) == size
    assert max(size) == side
    assert min(size) >= 1


@pytest.mark.slow
@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_is_refused_or_left_harmless(inside: str, value: str) -> None:
    try:
        text = left(inside, f'fill="{value}"')
    except DrawingRefused:
        return
    assert not re.search(r"<script|javascript:|\bon[a-z]+=", text, re.IGNORECASE)
