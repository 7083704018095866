"""The types in TypeScript are those of the JSON."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.markup.representation import FACTS
from tests.docs.blocks import BLOCKS

PRESETS = {"avatar": {"size": "16x16"}, "card-2": {"size": "400x"}}


def run(*arguments: str) -> str:
    out = io.StringIO()
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        call_command("media_types", *arguments, stdout=out)
    return out.getvalue()


def members(text: str, name: str) -> dict[str, str]:
    body = re.search(rf"export interface {name}\b[^{{]*{{(.*?)}}", text, re.DOTALL)
    assert body
    return dict(re.findall(r"  (\w+): (.*);", body[1]))


def test_types_have_each_member_of_the_json() -> None:
    text = run()
    assert 'export type MediaPreset = "avatar" | "card-2";' in text
    media = members(text, "Media")
    assert list(media) == [*FACTS, "url", "state", "resizes"]
    assert media["content_type"] == "string | null"
    assert media["duration"] == "number | null"
    assert media["url"] == "string"
    assert media["state"] == '"stored" | "pending" | "failed" | "analysing"'
    assert media["resizes"] == "Partial<Record<Preset, MediaResize>>"
    assert members(text, "MediaResize") == {
        "url": "string", "width": "number | null", "height": "number | null"
    }  # fmt: skip


def test_site_without_presets_has_the_type_of_no_name() -> None:
    out = io.StringIO()
    call_command("media_types", stdout=out, verbosity=0)
    assert "export type MediaPreset = never;" in out.getvalue()


def test_file_is_written_and_compared(tmp_path: Path) -> None:
    file = tmp_path / "media.d.ts"
    with pytest.raises(CommandError, match="Write it again with"):
        run("--check", f"--output={file}")
    assert not file.exists()
    assert "is written" in run(f"--output={file}")
    assert file.read_text() == run()
    assert "has the types" in run("--check", f"--output={file}")
    file.write_text(file.read_text().replace("avatar", "icon"))
    with pytest.raises(CommandError, match="Write it again with"):
        run("--check", f"--output={file}")
    with pytest.raises(CommandError, match="--output FILE"):
        run("--check")


USE = """
import type { Media, MediaPreset } from "./media";

const names: MediaPreset[] = ["avatar", "card-2"];
const media: Media = {
  url: "/media/a.jpg", state: "stored", content_type: "image/jpeg", size: 1, width: 2,
  height: null, duration: null, placeholder: null, color: "#ffffff",
  resizes: { avatar: { url: "/media/b.jpg", width: 16, height: null } },
};
const width: number | null | undefined = media.resizes[names[0]]?.width;
const own: Media<"9x"> = { ...media, resizes: {} };
const url: string | undefined = own.resizes["9x"]?.url;
export { url, width };
"""

MISUSE = {
    "media.resizes.avatar.url;": "'media.resizes.avatar' is possibly 'undefined'",
    "media.resizes.huge;": "Property 'huge' does not exist",
    'media.state === "lost";': "have no overlap",
    "media.width + 1;": "'media.width' is possibly 'null'",
}
"""Lines that the compiler must refuse, and why."""


@pytest.mark.slow
@pytest.mark.needs("typescript")
def test_compiler_accepts_the_types_and_refuses_misuse(
    needs: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "media.d.ts").write_text(run())
    (tmp_path / "use.ts").write_text(USE)
    imported = 'import type { Media } from "./media";\ndeclare const media: Media;\n'
    (tmp_path / "misuse.ts").write_text(imported + "\n".join(MISUSE))
    tsc = ["node", str(needs("typescript")), "--noEmit", "--strict", "--target", "es2022"]
    ran = subprocess.run([*tsc, "use.ts", "misuse.ts"], cwd=tmp_path, capture_output=True)
    lines = ran.stdout.decode().splitlines()
    assert len(lines) == len(MISUSE), lines
    for line, expected in zip(lines, MISUSE.values(), strict=True):
        assert line.startswith("misuse.ts")
        assert expected in line


REACT = """
declare module "react" {
  export function useState<T>(first: T): [T, (next: T) => void];
  export function useRef<T>(first: T): { current: T };
}
declare module "react/jsx-runtime" {
  export const jsx: unknown, jsxs: unknown;
  export namespace JSX { interface IntrinsicElements { [name: string]: any } }
}
"""
"""The part of React that the components of the guide use."""


@pytest.mark.slow
@pytest.mark.needs("typescript")
def test_compiler_accepts_the_components_of_the_guide(
    needs: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "media.d.ts").write_text(run())
    (tmp_path / "react.d.ts").write_text(REACT)
    files = []
    for block in BLOCKS:
        if block.page == "how-to/react" and block.language == "tsx":
            text = block.text.replace("(event) =>", "(event: any) =>")  # React would infer it.
            (tmp_path / block.caption).write_text(text)
            files.append(block.caption)
    assert files == ["upload.tsx", "picture.tsx"]
    options = ["--noEmit", "--strict", "--target", "es2022", "--jsx", "react-jsx"]
    command = ["node", str(needs("typescript")), *options, "react.d.ts", *files]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
