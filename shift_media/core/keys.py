"""The grammar of keys: each key has one spelling, and no other text is a key.

``parse_key(key)`` and ``str(parsed)`` are exact inverses. Every key belongs to one original, under
whose directory it lies::

    original   3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg
    resize     …/photo.jpg/400x300-fill-80-noupscale-9f0c…c1.webp
    rendition  …/clip.mp4/_poster.jpg   …/clip.mp4/_web/720p.mp4
    new poster …/clip.mp4/_new-poster/1a2b3c4d/poster.jpg
    mezzanine  …/photo.jpg/_m/2048.jpg
"""

from __future__ import annotations

import functools
import re
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from shift_media.core.errors import InvalidKey
from shift_media.core.formats import BY_EXTENSION, ORIGINAL_FORMATS, RESIZE_FORMATS
from shift_media.core.spec import Spec

Transliteration = Callable[[str], str]

KEY_LENGTH = 200
"""Enough characters for any original's key (36 + 1 + 70 + 1 + 70), as a column's max_length."""

SIGNATURE_LENGTH = 32
ORIGINAL_NAME_LENGTH = 255

_STEM_LENGTH = 64
_RESERVED_WORD = "upscale"
_DEVICES = frozenset(
    "con prn aux nul clock".split()
    + [f"{device}{number}" for device in ("com", "lpt") for number in range(10)]
)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, marks of direction, surrogates, line separators."""

_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "\u0131": "i"}
)
"""Latin letters that have no accent to drop; case folding has turned ``ß`` into ``ss`` before."""
ID_PATTERN = r"[0-9a-f]{8}/[0-9a-f]{4}/[0-9a-f]{4}/[0-9a-f]{4}/[0-9a-f]{12}"
"""A regular expression of the id with which each key begins."""

_NAME = rf"[a-z0-9][a-z0-9_-]{{0,{_STEM_LENGTH - 1}}}\.(?:{'|'.join(ORIGINAL_FORMATS)})"
_SEGMENT = r"[a-z0-9][a-z0-9._-]{0,99}"
_KEY = re.compile(rf"({ID_PATTERN})/({_NAME})/(.+)", re.DOTALL)
ORIGINAL_PATTERN = rf"^({ID_PATTERN})/({_NAME})/\2$"
"""Matches the keys of originals, and few other texts, which have a reserved stem."""

RESERVED_PATTERN = rf"upscale|/({'|'.join(sorted(_DEVICES))})\."
"""Matches names that look like keys of originals, but have a reserved stem."""

_ORIGINAL = re.compile(rf"({ID_PATTERN})/({_NAME})/\2")
_RESIZE = re.compile(rf"(.+)-([0-9a-f]{{{SIGNATURE_LENGTH}}})\.({'|'.join(RESIZE_FORMATS)})")
_RENDITION = re.compile(rf"_([a-z][a-z0-9-]{{1,31}})/({_SEGMENT}(?:/{_SEGMENT}){{0,2}})")
_MEZZANINE = re.compile(rf"_m/([1-9][0-9]{{0,3}})\.({'|'.join(RESIZE_FORMATS)})")
_POSTER = "_poster.jpg"
NEW_POSTER = "new-poster"
"""The folder of all posters but the first one, and the profile of those that a user has chosen."""
_NAME_FILE = "_name"
_DIRECTORY_SEGMENTS = 6  # five of the id, and the name


@dataclass(frozen=True, slots=True)
class OriginalKey:
    """An upload under its own name: ``directory/name``."""

    id: str
    name: str

    @property
    def directory(self) -> str:
        """The common beginning of all keys of this original, without the slash."""
        return f"{self.id}/{self.name}"

    @property
    def prefix(self) -> str:
        """The common beginning of all keys of this original, and of no others."""
        return f"{self.id}/{self.name}/"

    @property
    def extension(self) -> str:
        """The extension, which is the format's: ``"jpg"``."""
        return self.name.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.id}/{self.name}/{self.name}"


@dataclass(frozen=True, slots=True)
class ResizeKey:
    """A resize beside its original, named by its spec and signature."""

    original: OriginalKey
    spec: Spec
    signature: str

    @property
    def payload(self) -> str:
        """The key without its signature: the text that is signed."""
        return f"{self.original.directory}/{self.spec}.{self.spec.format}"

    @property
    def source(self) -> str:
        """The key of the file that it is made from: the original, or the poster of a video."""
        return source_key(self.original, self.spec.poster)

    def __str__(self) -> str:
        return f"{self.original.directory}/{self.spec}-{self.signature}.{self.spec.format}"


@dataclass(frozen=True, slots=True)
class RenditionKey:
    """A file that a transcoding job made of the original; the poster has no profile."""

    original: OriginalKey
    profile: str
    file: str

    def __str__(self) -> str:
        if not self.profile:
            return f"{self.original.directory}/{_POSTER}"
        return f"{self.original.directory}/_{self.profile}/{self.file}"


@dataclass(frozen=True, slots=True)
class MezzanineKey:
    """A stored smaller version of the original that smaller resizes are made from."""

    original: OriginalKey
    side: int
    extension: str

    def __str__(self) -> str:
        return f"{self.original.directory}/_m/{self.side}.{self.extension}"


Key = OriginalKey | ResizeKey | RenditionKey | MezzanineKey


def parse_key(key: str) -> Key:
    """Parse a key.

    Raises `InvalidKey` for every string that its parts do not rebuild byte for byte.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise InvalidKey(f"{key[:300]!r} is not a media key.")
    original = _original(match[1], match[2])
    parsed = _leaf(original, match[3])
    if parsed is None or str(parsed) != key:
        raise InvalidKey(f"{key[:300]!r} is not a media key in its one canonical spelling.")
    return parsed


def parse_original_key(key: str) -> OriginalKey:
    """Parse the key of an original; raise `InvalidKey` for all others, resizes included."""
    match = _ORIGINAL.fullmatch(key)
    if match is None:
        parse_key(key)  # raises the more exact error for a text that is not a key at all
        raise InvalidKey(f"{key!r} is the key of a derived file, not of an original.")
    return _original(match[1], match[2])


def parse_resize_key(key: str) -> ResizeKey:
    """Parse the key of a resize; raise `InvalidKey` for all others.

    The signature is not verified.
    """
    parsed = parse_key(key)
    if not isinstance(parsed, ResizeKey):
        raise InvalidKey(f"{key!r} is not the key of a resize.")
    return parsed


def _original(id: str, name: str) -> OriginalKey:
    stem = name.rpartition(".")[0]
    if _RESERVED_WORD in stem or stem in _DEVICES:
        raise InvalidKey(f"{name!r} is not a name that shift_media gives to a file.")
    return OriginalKey(id, name)


def _leaf(original: OriginalKey, leaf: str) -> Key | None:
    if leaf == original.name:
        return original
    if leaf == _POSTER:
        return RenditionKey(original, "", _POSTER)
    if match := _MEZZANINE.fullmatch(leaf):
        return MezzanineKey(original, int(match[1]), match[2])
    if match := _RENDITION.fullmatch(leaf):
        return RenditionKey(original, match[1], match[2])
    if match := _RESIZE.fullmatch(leaf):
        return _resize(original, match[1], match[2], match[3])
    return None


def _resize(original: OriginalKey, spec: str, signature: str, extension: str) -> ResizeKey | None:
    try:
        return ResizeKey(original, Spec.parse(spec, extension), signature)
    except ValueError as error:
        raise InvalidKey(f"{spec[:300]!r} is not a canonical spec: {error}") from error


def name_key(key: str) -> str:
    """Return the name of the file that keeps the client's name of an original, beside it."""
    return f"{key.rpartition('/')[0]}/{_NAME_FILE}"


def owner_of_name(key: str) -> OriginalKey | None:
    """Return the original beside which a file made by `name_key` is; None for other keys."""
    directory, _, leaf = key.rpartition("/")
    match = _ORIGINAL.fullmatch(f"{directory}/{directory.rpartition('/')[2]}")
    return OriginalKey(match[1], match[2]) if match and leaf == _NAME_FILE else None


def directory_owner(name: str) -> OriginalKey | None:
    """Return the original in whose directory a file is, whatever its own name is; else None."""
    directory = "/".join(name.split("/")[:_DIRECTORY_SEGMENTS])
    if directory == name:
        return None
    try:
        return parse_original_key(f"{directory}/{directory.rpartition('/')[2]}")
    except InvalidKey:
        return None


def source_key(original: OriginalKey, poster: str | None = None) -> str:
    """Return the key that resizes of an original are made from: its own, or a video's poster."""
    is_video = BY_EXTENSION[original.extension].kind == "video"
    return poster_key(original, poster) if is_video else str(original)


def poster_key(original: OriginalKey, token: str | None = None) -> str:
    """Return the key of the first poster, or of the new one that an attempt has made."""
    leaf = _POSTER if token is None else f"_{NEW_POSTER}/{token}/poster.jpg"
    return f"{original.directory}/{leaf}"


def new_original_key(filename: str, extension: str) -> OriginalKey:
    """Return the key of a new upload: a random UUID4, the slug of its name and an extension."""
    digits = uuid.uuid4().hex
    id = "/".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return OriginalKey(id, f"{slug(filename, find_transliteration())}.{extension}")


@functools.cache
def find_transliteration() -> Transliteration | None:
    """Return the function of anyascii; None if the extra ``names`` is not installed."""
    try:
        from anyascii import anyascii
    except ImportError:
        return None
    function: Transliteration = anyascii
    return function


def slug(filename: str, transliteration: Transliteration | None = None) -> str:
    """Return the stem of a key for a client's file name.

    The last extension is dropped, and so are accents, after case folding and NFKD; every other
    character outside ``[a-z0-9_-]`` becomes a hyphen. An empty result becomes ``file``.

    Args:
        filename: may be any text.
        transliteration: writes a character of another script in ASCII; by default such characters
            become hyphens.
    """
    base = re.split(r"[/\\]", filename[-4 * ORIGINAL_NAME_LENGTH :])[-1]
    stem = base.rpartition(".")[0] or base
    folded = stem.casefold().translate(_LETTERS)
    if transliteration is not None:
        # Composed, so that a syllable or a letter with its mark is one character.
        composed = unicodedata.normalize("NFC", folded)
        folded = "".join(_without_accents(c) or transliteration(c) for c in composed)
    plain = _without_accents(folded).lower()
    plain = re.sub(r"[^a-z0-9_-]+", "-", plain)
    plain = re.sub(r"-{2,}", "-", plain).replace(_RESERVED_WORD, "up-scale")
    plain = plain.lstrip("-_")[:_STEM_LENGTH].rstrip("-_")
    return f"{plain}-file" if plain in _DEVICES else plain or "file"


def _without_accents(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def display_name(filename: str) -> str:
    """Return a client's file name for display, without folders and control characters.

    At most `ORIGINAL_NAME_LENGTH` characters, in NFC. It is still data: escape it in HTML.
    """
    base = re.split(r"[/\\]", filename[-4 * ORIGINAL_NAME_LENGTH :])[-1]
    kept = "".join(c for c in base if unicodedata.category(c) not in _INVISIBLE)
    return unicodedata.normalize("NFC", kept).strip()[-ORIGINAL_NAME_LENGTH:]
