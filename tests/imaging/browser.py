"""Pictures as Chromium shows them: one page for all of them, and one start of the browser."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_PAGE = """<!doctype html><meta charset="utf-8"><pre id="seen"></pre><script>
const pictures = %s;
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
Promise.all(pictures.map(show)).then((seen) => {
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
</script>"""
_TYPES = {"jpg": "image/jpeg"}


class Shown(NamedTuple):
    """A picture in the browser: its size, and RGBA in the middles of its four quarters."""

    width: int
    height: int
    colors: tuple[tuple[int, ...], ...]


def show(
    chromium: str, folder: Path, pictures: Mapping[str, tuple[str, bytes]]
) -> dict[str, Shown | None]:
    """Return how Chromium shows pictures, by name; None for one that it does not show.

    ``pictures`` maps names to extensions and bytes.
    """
    sources = [
        [_TYPES.get(extension, f"image/{extension}"), base64.b64encode(content).decode()]
        for extension, content in pictures.values()
    ]
    page = folder / "pictures.html"
    page.write_text(_PAGE % json.dumps(sources))
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--force-color-profile=srgb",
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=60000",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    seen = re.search(r'<pre id="seen">(.+?)</pre>', done.stdout)
    assert seen, done.stderr
    shown = json.loads(html.unescape(seen[1]))
    return {
        name: Shown(one[0], one[1], tuple(map(tuple, one[2]))) if one else None
        for name, one in zip(pictures, shown, strict=True)
    }
