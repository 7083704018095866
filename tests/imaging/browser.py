"""Pictures as Chromium shows them: one page for all of them, and one start of the browser."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple

from playwright.sync_api import sync_playwright

_SHOW = """
async (pictures) => {
  async function show([type, content]) {
    const image = new Image();
    image.src = "data:" + type + ";base64," + content;
    try { await image.decode(); } catch (error) { return null; }
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", {colorSpace: "srgb"});
    context.drawImage(image, 0, 0);
    const points = [];
    for (const y of [0.25, 0.75]) for (const x of [0.25, 0.75]) {
      const at = [Math.floor(x * width), Math.floor(y * height)];
      points.push([...context.getImageData(...at, 1, 1).data]);
    }
    return [width, height, points];
  }
  return Promise.all(pictures.map(show));
}
"""
_TYPES = {"jpg": "image/jpeg"}
_ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb")


class Shown(NamedTuple):
    """A picture in the browser: its size, and RGBA in the middles of its four quarters."""

    width: int
    height: int
    colors: tuple[tuple[int, ...], ...]


def show(chromium: str, pictures: Mapping[str, tuple[str, bytes]]) -> dict[str, Shown | None]:
    """Return how Chromium shows pictures, by name; None for one that it does not show.

    ``pictures`` maps names to extensions and bytes.
    """
    sources = [
        [_TYPES.get(extension, f"image/{extension}"), base64.b64encode(content).decode()]
        for extension, content in pictures.values()
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        shown = browser.new_page().evaluate(_SHOW, sources)
        browser.close()
    return {
        name: Shown(one[0], one[1], tuple(map(tuple, one[2]))) if one else None
        for name, one in zip(pictures, shown, strict=True)
    }
