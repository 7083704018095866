from __future__ import annotations

import contextlib
import re
import sys
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shift_media.core.errors import InvalidKey, MediaError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import (
    KEY_LENGTH,
    ORIGINAL_NAME_LENGTH,
    Key,
    MezzanineKey,
    OriginalKey,
    RenditionKey,
    ResizeKey,
    Transliteration,
    display_name,
    find_transliteration,
    new_original_key,
    parse_key,
    parse_original_key,
    parse_resize_key,
    slug,
    source_key,
)
from tests import strategies
from tests.parts import package

DIRECTORY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg"
ORIGINAL = f"{DIRECTORY}/photo.jpg"
SIGNATURE = "9f" * 16
SPEC = "400x300-fill-80-noupscale"
RESIZE = f"{DIRECTORY}/{SPEC}-{SIGNATURE}.webp"


def refused(key: str) -> bool:
    try:
        parse_key(key)
    except InvalidKey:
        return True
    return False


# Parsing and building are exact inverses


@pytest.mark.slow
@given(strategies.keys)
def test_built_key_parses_to_itself(key: Key) -> None:
    assert parse_key(str(key)) == key


@pytest.mark.slow
@given(
    st.text()
    | st.text(strategies.KEY_CHARACTERS)
    | st.text(max_size=80).map(lambda leaf: f"{DIRECTORY}/{leaf}")
    | strategies.nearly(strategies.keys.map(str))
)
@example("")
@example("/")
@example(DIRECTORY)
@example("\ud800")
def test_any_text_is_refused_or_rebuilds_to_itself(text: str) -> None:
    try:
        parsed = parse_key(text)
    except InvalidKey:
        return
    assert str(parsed) == text


@pytest.mark.slow
@given(strategies.resize_keys.map(str), st.data())
def test_no_other_spelling_parses_to_the_same_resize_key(key: str, data: st.DataObject) -> None:
    other = data.draw(strategies.nearly(st.just(key)))
    assume(other != key)
    try:
        parsed = parse_key(other)
    except InvalidKey:
        return
    assert parsed != parse_key(key)


@pytest.mark.slow
@given(strategies.resize_keys)
def test_payload_is_the_key_without_its_signature(key: ResizeKey) -> None:
    assert key.payload == str(key).replace(f"-{key.signature}.", ".")


def test_examples_of_the_grammar_parse_to_their_kinds() -> None:
    original = OriginalKey("3c72aedc/ba25/41e6/a569/406c8f413974", "photo.jpg")
    assert parse_key(ORIGINAL) == original
    assert isinstance(parse_key(RESIZE), ResizeKey)
    assert parse_key(f"{DIRECTORY}/_poster.jpg") == RenditionKey(original, "", "_poster.jpg")
    assert parse_key(f"{DIRECTORY}/_web/720p.mp4") == RenditionKey(original, "web", "720p.mp4")
    assert parse_key(f"{DIRECTORY}/_hls/v/0/a.ts") == RenditionKey(original, "hls", "v/0/a.ts")
    assert parse_key(f"{DIRECTORY}/_m/2048.jpg") == MezzanineKey(original, 2048, "jpg")


def test_longest_key_of_an_original_fits_the_column() -> None:
    longest = max(BY_EXTENSION, key=len)
    key = new_original_key("x" * 1000, longest)
    assert len(str(key)) <= KEY_LENGTH
    assert len(key.name) == 64 + 1 + len(longest)


# Near misses


@pytest.mark.acceptance(1)
def test_no_changed_character_of_a_resize_key_parses_to_the_same_key() -> None:
    """Each position is replaced by each character of the alphabet, and by some others."""
    parsed = parse_key(RESIZE)
    for at in range(len(RESIZE)):
        for character in strategies.KEY_CHARACTERS + "A %\0\n²é":
            changed = RESIZE[:at] + character + RESIZE[at + 1 :]
            if changed != RESIZE and not refused(changed):
                assert parse_key(changed) != parsed
                assert str(parse_key(changed)) == changed


@pytest.mark.acceptance(2)
@pytest.mark.parametrize(
    "leaf",
    [
        f"{SPEC}-.webp",
        f"{SPEC}.webp",
        f"{SPEC}",
        f"{SPEC}-{SIGNATURE}",
        f"{SPEC}-{SIGNATURE}.",
        f"{SPEC}-{SIGNATURE[:-1]}.webp",
        f"{SPEC}-{SIGNATURE}9.webp",
        f"{SPEC}-{SIGNATURE}{SIGNATURE}.webp",
        f"{SPEC}-{SIGNATURE}-{SIGNATURE}.webp",
        f"{SPEC}-{SIGNATURE.upper()}.webp",
        f"{SPEC}-{'é' * 32}.webp",
        f"{SPEC}-{'٣' * 32}.webp",
        f"{SPEC}-{'９' * 32}.webp",
        f"{SPEC}-{'a' * 10_000}.webp",
        f"{SPEC}-{SIGNATURE}.WEBP",
        f"{SPEC}-{SIGNATURE}.jpeg",
        f"{SPEC}-{SIGNATURE}.tiff",
        f"{SPEC}-{SIGNATURE}.mp4",
        f"{SPEC}-{SIGNATURE}.svg",
        f"{SPEC}--{SIGNATURE}.webp",
        f"{SPEC}_{SIGNATURE}.webp",
        f"-{SIGNATURE}.webp",
        f"{SIGNATURE}.webp",
    ],
)
def test_malformed_signature_or_extension_is_refused(leaf: str) -> None:
    assert refused(f"{DIRECTORY}/{leaf}")


@pytest.mark.acceptance(3)
@pytest.mark.parametrize(
    "leaf",
    [
        f"300x400-fill-80-noupscale-{SIGNATURE}.webp",
        f"40x0300-fill-80-noupscale-{SIGNATURE}.webp",
        f"400x30-0fill-80-noupscale-{SIGNATURE}.webp",
        f"400x3008-fill-0-noupscale-{SIGNATURE}.webp",
        f"400x300-fill-8-0noupscale-{SIGNATURE}.webp",
        f"400x300fill--80-noupscale-{SIGNATURE}.webp",
        f"400x300-fill-80-noupscale{SIGNATURE[0]}-{SIGNATURE[1:]}.webp",
        f"400-300xfill-80-noupscale-{SIGNATURE}.webp",
        f"fill-400x300-80-noupscale-{SIGNATURE}.webp",
        f"400x300-80-fill-noupscale-{SIGNATURE}.webp",
    ],
)
def test_characters_moved_over_a_separator_give_another_payload_or_no_key(leaf: str) -> None:
    key = f"{DIRECTORY}/{leaf}"
    assert refused(key) or parse_resize_key(key).payload != parse_resize_key(RESIZE).payload


@pytest.mark.acceptance(4)
@pytest.mark.parametrize(
    "key",
    [
        f"{RESIZE}.webp",
        f"{RESIZE}/{SIGNATURE}",
        f"{RESIZE}/photo.jpg",
        f"{RESIZE}/{RESIZE}",
        f"{DIRECTORY}/{SPEC}-{SIGNATURE}.webp-{SIGNATURE}.webp",
        f"{DIRECTORY}/{SPEC}-{SIGNATURE}-{SPEC}-{SIGNATURE}.webp",
        f"{DIRECTORY}/{DIRECTORY}/{SPEC}-{SIGNATURE}.webp",
        f"media/{RESIZE}",
        f"https://bucket.example/{RESIZE}",
        f"{DIRECTORY}/photo.jpg/photo.jpg",
        f"{DIRECTORY}/{SPEC}.webp-{SIGNATURE}.webp",
        f"{DIRECTORY}-{SIGNATURE}/photo.jpg",
        f"{DIRECTORY}/photo.jpg-{SIGNATURE}.jpg",
    ],
)
def test_repeated_part_is_refused(key: str) -> None:
    assert refused(key)


@pytest.mark.acceptance(5)
@pytest.mark.parametrize("key", [ORIGINAL, RESIZE, f"{DIRECTORY}/_web/720p.mp4"])
@pytest.mark.parametrize(
    "tail",
    [
        "\n", "\r\n", "\r\nSet-Cookie: a=b", "\0", "%00", "%0a", "%0d%0aSet-Cookie:a", "%ff",
        ";x", "/", "//", "/.", "/..", "?x=1", "#", " ", "\u2028", "\x85", "\udcff", "~", "%20",
    ],
)  # fmt: skip
def test_text_before_or_after_a_key_is_refused(key: str, tail: str) -> None:
    assert refused(key + tail)
    assert refused(tail + key)


@pytest.mark.acceptance(5)
@pytest.mark.parametrize(
    "step", ["..", ".", "%2e%2e", "%252e%252e", "..%2f", "%2f", "%5c", "\\", "", ";", "~"]
)
def test_path_step_between_the_parts_of_a_key_is_refused(step: str) -> None:
    for key in (ORIGINAL, RESIZE, f"{DIRECTORY}/_web/720p.mp4"):
        parts = key.split("/")
        for at in range(len(parts) + 1):
            assert refused("/".join([*parts[:at], step, *parts[at:]]))


@pytest.mark.parametrize(
    "file",
    [
        "../photo.jpg", "a/../b.ts", ".hidden", "a/.b", "-x.mp4", "_x.mp4", "A.mp4", "a b.mp4", "",
        "a//b.ts", "/a.ts", "a.ts/", "a/b/c/d.ts", "é.ts", "a\nb.ts", "x" * 101, "a.ts\n",
    ],
)  # fmt: skip
def test_malformed_rendition_file_is_refused(file: str) -> None:
    assert refused(f"{DIRECTORY}/_web/{file}")


@pytest.mark.parametrize(
    "leaf",
    [
        "_w/a.mp4", "_Web/a.mp4", "_web", "_web/", "__web/a.mp4", "_9web/a.mp4", "_-web/a.mp4",
        f"_{'w' * 33}/a.mp4", "_poster.png", "_poster.jpg/x", "poster.jpg", "_wéb/a.mp4",
        "_m/0.jpg", "_m/02048.jpg", "_m/10000.jpg", "_m/2048.mp4", "_m/2048", "_m/-1.jpg",
        "_m/²048.jpg", "_m/x/2048.jpg", "_m/2048.jpg/x",
    ],
)  # fmt: skip
def test_malformed_profile_poster_or_mezzanine_is_refused(leaf: str) -> None:
    assert refused(f"{DIRECTORY}/{leaf}")


@pytest.mark.parametrize(
    "id",
    [
        "3c72aedc-ba25-41e6-a569-406c8f413974",
        "3c72aedcba2541e6a569406c8f413974",
        "3C72AEDC/BA25/41E6/A569/406C8F413974",
        "3c72aed/cba25/41e6/a569/406c8f413974",
        "3c72aedc/ba25/41e6/a569/406c8f41397",
        "3c72aedc/ba25/41e6/a569/406c8f4139744",
        "gc72aedc/ba25/41e6/a569/406c8f413974",
        "３c72aedc/ba25/41e6/a569/406c8f413974",
    ],
)
def test_malformed_id_is_refused(id: str) -> None:
    assert refused(f"{id}/photo.jpg/photo.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "Photo.jpg", "photo.JPG", "photo.jpeg", "photo.exe", "photo", ".jpg", "-photo.jpg",
        "_photo.jpg", "pho to.jpg", "photo..jpg", "pho.to.jpg", "phöto.jpg", "photo.jpg\n",
        "x" * 65 + ".jpg", "upscale.jpg", "my-upscale-photo.jpg", "noupscale.jpg", "con.jpg",
        "nul.png", "com1.gif", "lpt9.webp", "aux.bin", "",
    ],
)  # fmt: skip
def test_name_that_new_keys_never_have_is_refused(name: str) -> None:
    assert refused(f"3c72aedc/ba25/41e6/a569/406c8f413974/{name}/{name}")


def test_leaf_that_differs_from_the_name_is_refused() -> None:
    assert refused(f"{DIRECTORY}/other.jpg")
    assert refused(f"{DIRECTORY}/photo.png")
    assert refused(f"{DIRECTORY}/PHOTO.jpg")


@pytest.mark.slow
@given(strategies.specs(), strategies.signatures, strategies.ids)
def test_leaf_equal_to_its_directory_is_the_original(
    spec: object, signature: str, id: str
) -> None:
    """No original has a name like a resize, because names never contain "upscale"."""
    name = f"{spec}-{signature}.jpg"
    assert refused(f"{id}/{name}/{name}")
    plain = f"400x300-fit-80-{signature}.jpg"
    assert parse_key(f"{id}/{plain}/{plain}") == OriginalKey(id, plain)


@pytest.mark.slow
@given(strategies.keys)
def test_patterns_of_the_bucket_policy_match_all_keys_but_originals(key: Key) -> None:
    """``*upscale-*`` and ``*/_*``: an S3 policy has no other wildcards."""
    text = str(key)
    derived = "upscale-" in text or "/_" in text
    assert derived == (not isinstance(key, OriginalKey))


@pytest.mark.slow
@given(strategies.originals, strategies.keys)
def test_prefix_contains_the_keys_of_its_original_and_no_others(
    original: OriginalKey, key: Key
) -> None:
    owner = key if isinstance(key, OriginalKey) else key.original
    assert str(key).startswith(owner.prefix)
    assert str(key).startswith(original.prefix) == (owner == original)


def test_parser_of_one_kind_refuses_other_kinds() -> None:
    assert parse_original_key(ORIGINAL).extension == "jpg"
    assert parse_resize_key(RESIZE).signature == SIGNATURE
    with pytest.raises(InvalidKey):
        parse_original_key(RESIZE)
    with pytest.raises(InvalidKey):
        parse_resize_key(ORIGINAL)


def test_source_of_a_resize_of_a_video_is_its_poster() -> None:
    video = "3c72aedc/ba25/41e6/a569/406c8f413974/clip.mp4"
    assert source_key(parse_original_key(f"{video}/clip.mp4")) == f"{video}/_poster.jpg"
    assert parse_resize_key(f"{video}/{SPEC}-{SIGNATURE}.webp").source == f"{video}/_poster.jpg"
    assert parse_resize_key(RESIZE).source == ORIGINAL


def test_message_quotes_a_long_refused_key_in_part() -> None:
    with pytest.raises(InvalidKey) as caught:
        parse_key("x" * 100_000)
    assert len(str(caught.value)) < 1000
    assert "x" not in caught.value.public.replace("exist", "")


# Names


@pytest.mark.slow
@pytest.mark.acceptance(7, 37)
@given(strategies.file_names, st.sampled_from(sorted(BY_EXTENSION)))
@example("../../x.jpg", "jpg")
@example("C:\\x.jpg", "jpg")
@example("x.jpg\0.png", "png")
@example("a\nb.jpg", "jpg")
@example("<img onerror=alert(1)>.jpg", "jpg")
@example("gpj.\u202ex.exe", "jpg")
@example("x" * 1000, "jpg")
@example("", "jpg")
@example(".htaccess", "bin")
@example("-version.mp4", "mp4")
@example("%03d.jpg", "jpg")
@example("$(x).mp4", "mp4")
@example("concat:x", "mp4")
@example("\ud800", "jpg")
@example("up" * 30 + "upscale.jpg", "jpg")
@example("con.jpg", "jpg")
@example("ＣＯＭ１.jpg", "jpg")
@example("upscupscaleale.jpg", "jpg")
def test_every_file_name_becomes_a_key_that_parses(filename: str, extension: str) -> None:
    key = new_original_key(filename, extension)
    assert parse_key(str(key)) == key
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", key.name.removesuffix(f".{extension}"))


@pytest.mark.acceptance(7)
@given(strategies.file_names)
def test_slug_is_the_same_in_every_normal_form(filename: str) -> None:
    forms = {slug(unicodedata.normalize(form, filename)) for form in ("NFC", "NFD")}
    assert len(forms) == 1


@given(strategies.file_names)
def test_slug_of_a_slug_is_the_slug(filename: str) -> None:
    assert slug(slug(filename)) == slug(filename)


@pytest.fixture
def transliteration() -> Transliteration:
    package("anyascii", "names")
    found = find_transliteration()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("filename", "stem"),
    [
        ("Фото на море.jpg", "foto-na-more"),
        ("Αθήνα.jpg", "athina"),
        ("東京タワー.jpg", "dongjingtawa"),
        ("서울.jpg", "seoul"),
        ("Foto 東京.jpg", "foto-dongjing"),
        ("Größe Łódź Ærø İstanbul ﬁn.jpg", "grosse-lodz-aero-istanbul-fin"),
        ("ＣＯＭ１.jpg", "com1-file"),
        ("уpscale.jpg", "up-scale"),  # the first letter is Cyrillic
        ("\U000f0000.jpg", "file"),
    ],
)
def test_transliterated_stem_is_readable(
    filename: str, stem: str, transliteration: Transliteration
) -> None:
    assert slug(filename, transliteration) == stem
    assert slug(unicodedata.normalize("NFD", filename), transliteration) == stem
    key = new_original_key(filename, "jpg")
    assert key.name == f"{stem}.jpg"
    assert parse_key(str(key)) == key


@pytest.mark.slow
@given(strategies.file_names)
def test_transliterated_stem_is_valid_and_in_ascii_unchanged(filename: str) -> None:
    package("anyascii", "names")
    stem = slug(filename, find_transliteration())
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", stem)
    assert slug(stem, find_transliteration()) == stem
    assert slug(unicodedata.normalize("NFC", filename), find_transliteration()) == slug(
        unicodedata.normalize("NFD", filename), find_transliteration()
    )
    if filename.isascii():
        assert stem == slug(filename)


def test_names_become_file_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anyascii", None)
    find_transliteration.cache_clear()
    try:
        assert new_original_key("東京.jpg", "jpg").name == "file.jpg"
    finally:
        find_transliteration.cache_clear()


@pytest.mark.acceptance(7, 37)
@pytest.mark.parametrize(
    ("filename", "stem"),
    [
        ("Café au lait.JPG", "cafe-au-lait"),
        ("Cafe\u0301 au lait.JPG", "cafe-au-lait"),
        ("日本.jpg", "file"),
        ("😀.jpg", "file"),
        ("a+b.jpg", "a-b"),
        ("a%20b.jpg", "a-20b"),
        ("a#b?c.jpg", "a-b-c"),
        ("\u202egpj.exe", "gpj"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\x.jpg", "x"),
        ("archive.tar.gz", "archive-tar"),
        (".htaccess", "htaccess"),
        ("___.jpg", "file"),
        ("_private.jpg", "private"),
        ("con.jpg", "con-file"),
        ("NUL", "nul-file"),
        ("upscale.jpg", "up-scale"),
        ("UPSCALE-2x.jpg", "up-scale-2x"),
        ("ｕｐｓｃａｌｅ.jpg", "up-scale"),
        ("up\u200bscale.jpg", "up-scale"),
        ("a--b.jpg", "a-b"),
        ("", "file"),
        (".", "file"),
        ("x" * 64 + "y.jpg", "x" * 64),
    ],
)
def test_slug_of_a_file_name_is_a_valid_stem(filename: str, stem: str) -> None:
    assert slug(filename) == stem


def test_two_uploads_of_one_name_have_different_ids() -> None:
    keys = {new_original_key("photo.jpg", "jpg").id for _ in range(1000)}
    assert len(keys) == 1000
    assert all(re.fullmatch(r".{8}/.{4}/4.{3}/[89ab].{3}/.{12}", id) for id in keys)


@pytest.mark.acceptance(37)
@given(strategies.file_names)
def test_display_name_is_one_short_visible_line(filename: str) -> None:
    shown = display_name(filename)
    assert len(shown) <= ORIGINAL_NAME_LENGTH
    assert not set("/\\\n\r\0\u202e\u2066\u200f\u2028") & set(shown)
    assert unicodedata.is_normalized("NFC", shown)
    shown.encode()


@pytest.mark.acceptance(7)
def test_display_name_keeps_its_letters() -> None:
    assert display_name("/tmp/Cafe\u0301 – 日本 😀.JPG") == "Café – 日本 😀.JPG"


@given(st.text())
def test_parsing_any_text_raises_media_errors_alone(text: str) -> None:
    for read in (parse_key, parse_original_key, parse_resize_key):
        with contextlib.suppress(MediaError):
            read(text)


def test_latin_letters_of_many_languages_become_plain_letters() -> None:
    assert slug("Größe Łódź Ærø İstanbul ﬁn.jpg") == "grosse-lodz-aero-istanbul-fin"
