"""Types of JSON as interfaces of TypeScript."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from shift_media.markup.representation import MediaJSON, ResizeJSON

_PRIMITIVES = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}
_TRANSPORT = """

/** How far an upload is, in bytes. */
export interface MediaUploadProgress {
  phase: "hashing" | "sending" | "waiting" | "paused" | "completing" | "done";
  loaded: number;
  total: number;
}

/** The options of an upload; see direct-transport.js. */
export interface MediaUploadOptions {
  endpoint: string;
  field: string;
  headers?: Record<string, string> | (() => Record<string, string>);
  partsAbove?: number;
  onprogress?: (progress: MediaUploadProgress) => void;
  signal?: AbortSignal;
}

/** An upload that runs: its ticket, once the bytes are stored. */
export interface MediaUpload extends Promise<string> {
  pause(): void;
  resume(): void;
}

declare global {
  /** The scripts of direct uploads. */
  const shiftMedia: { upload(file: File, options: MediaUploadOptions): MediaUpload };
}
"""
"""The types of what direct-transport.js adds to a page."""
_NAMES: dict[Any, str] = {MediaJSON: "Media", ResizeJSON: "MediaResize"}


def media_types(presets: Iterable[str]) -> str:
    """Return a module of TypeScript with the types of `media_json`."""
    names = " | ".join(f'"{name}"' for name in presets) or "never"
    parts = [
        "// Written by: manage.py media_types",
        "",
        "/** The names of the site's presets. */",
        f"export type MediaPreset = {names};",
        "",
        *_interface(ResizeJSON, {}),
        "",
        *_interface(MediaJSON, {"resizes": "Partial<Record<Preset, MediaResize>>"}),
    ]
    return "\n".join(parts) + _TRANSPORT


def _interface(kind: Any, instead: dict[str, str]) -> list[str]:
    """Return the lines of an interface; ``instead`` has the types of some keys."""
    parameter = "<Preset extends string = MediaPreset>" if instead else ""
    keys = get_type_hints(kind).items()
    lines = [f"  {name}: {instead.get(name) or _type(hint)};" for name, hint in keys]
    summary = (kind.__doc__ or "").strip().splitlines()[0]
    return [f"/** {summary} */", f"export interface {_NAMES[kind]}{parameter} {{", *lines, "}"]


def _type(hint: Any) -> str:
    """Return the type of TypeScript for a type of Python."""
    if is_typeddict(hint):
        return _NAMES[hint]
    if get_origin(hint) in (Union, types.UnionType):
        return " | ".join(_type(one) for one in get_args(hint))
    if get_origin(hint) is dict:
        return f"Record<string, {_type(get_args(hint)[1])}>"
    if get_origin(hint) is Literal:
        return " | ".join(f'"{value}"' for value in get_args(hint))
    return _PRIMITIVES[hint]
