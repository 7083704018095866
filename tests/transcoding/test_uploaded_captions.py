"""Captions that users upload: SubRip becomes WebVTT, for pages and for subtitles of HLS."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import m3u8
import pytest
from django.core.files.base import ContentFile
from django.db import models
from django.template import Context, Template
from django.test import Client, override_settings
from django.test.utils import isolate_apps

from shift_media.core.documents import choose_by_name
from shift_media.core.formats import UNKNOWN
from shift_media.fields import MediaField
from shift_media.storages import default_media_storage
from shift_media.storages.validation import get_disposition
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.validators import InvalidMedia
from shift_media.video.captions import subrip_to_webvtt
from shift_media.video.planning import content_type_for
from tests.testapp.models import Lecture
from tests.transcoding import hls_rules
from tests.transcoding.conftest import Draw, work
from tests.transcoding.test_captions import PROFILE, subtitled

SUBRIP = (
    "1\n00:00:00,200 --> 00:00:01,000\n<i>Grüße</i>\n\n2\n00:00:01,500 --> 00:00:02,500\nEnde\n"
)
WEBVTT = "WEBVTT\n\n00:00.200 --> 00:01.000\n<b>Hello</b>\n"


@pytest.fixture
def _videos() -> Iterator[None]:
    with override_settings(SHIFT_MEDIA={"PROFILES": {"web": PROFILE}}):
        yield


@pytest.mark.parametrize(
    "content",
    [
        SUBRIP.encode(),
        SUBRIP.encode("utf-8-sig"),
        SUBRIP.encode("cp1252"),
        SUBRIP.replace("\n", "\r\n").encode(),
    ],
)
def test_subrip_of_any_common_encoding_becomes_webvtt(content: bytes) -> None:
    text = subrip_to_webvtt(content)
    assert text.startswith("WEBVTT\n\n1\n00:00:00.200 --> 00:00:01.000\n<i>Grüße</i>\n\n2\n")


@pytest.mark.django_db
def test_upload_of_subrip_is_stored_as_webvtt(media_root: Path, client: Client) -> None:
    lecture = Lecture.objects.create(captions_de=ContentFile(SUBRIP.encode(), "Film.de.srt"))
    assert lecture.captions_de.key.endswith(".vtt")
    with default_media_storage.open(lecture.captions_de.key) as stored:
        assert stored.read().decode() == subrip_to_webvtt(SUBRIP.encode())
    answer = client.get(lecture.captions_de.url)
    assert answer["Content-Type"].startswith("text/vtt")
    answer.close()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<script>alert(1)</script>", "a.vtt"),
        (b"<script>alert(1)</script>", "a.srt"),
        (b"no captions", "a.vtt"),
        (b"no captions", "a.srt"),
        (WEBVTT.encode(), "a.txt"),
        (b"WEBVTT\n\n\0", "a.vtt"),
    ],
)
def test_other_text_is_refused_whatever_its_name(
    content: bytes, name: str, media_root: Path
) -> None:
    with pytest.raises(InvalidMedia):
        Lecture.objects.create(captions_de=ContentFile(content, name))


def test_captions_are_no_attachment_in_a_bucket() -> None:
    assert [get_disposition(kind) for kind in ("text/vtt", content_type_for("a.vtt"))] == ["", ""]
    assert get_disposition("text/plain; charset=utf-8") == "attachment"


def test_name_chooses_captions_among_texts() -> None:
    for content, name, extension in (
        (WEBVTT, "a.vtt", "vtt"),
        (SUBRIP, "a.srt", "srt"),
        (SUBRIP, "a.vtt", "bin"),
        (WEBVTT, "a.srt", "bin"),
    ):
        chosen = choose_by_name(UNKNOWN, name, io.BytesIO(content.encode()))
        assert chosen.extension == extension


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_videos")
def test_uploaded_captions_are_listed_in_place_of_the_tracks_of_their_language(
    draw: Draw, media_root: Path
) -> None:
    video = subtitled(draw, "mkv", "srt")
    Lecture.objects.create(
        video=ContentFile(video.read_bytes(), video.name),
        captions_de=ContentFile(SUBRIP.encode(), "a.srt"),
    )
    work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.error, job.warnings) == (State.COMPLETE, "", [])
    lecture = Lecture.objects.get()
    listed = [(one.language, one.url) for one in lecture.video.captions]
    assert [language for language, _ in listed] == ["de", "en", "en", "und"]
    assert listed[0][1] == lecture.captions_de.url
    hls = next(one for one in lecture.video.renditions if one.kind == "hls")
    master = media_root / hls.key
    assert hls_rules.find_faults(master) == []
    subtitles = [one for one in m3u8.loads(master.read_text()).media if one.type == "SUBTITLES"]
    assert [one.language for one in subtitles] == ["de", "en", "en", "und"]
    segment = master.parent / subtitles[0].uri
    assert "Grüße" in (segment.parent / "s00000.vtt").read_text()
    lecture.captions_en = ContentFile(WEBVTT.encode(), "b.vtt")
    lecture.save()
    assert [one.language for one in lecture.video.captions] == ["de", "en", "und"]
    page = Template("{% load shift_media %}{% media_video lecture.video %}")
    html = page.render(Context({"lecture": lecture}))
    for one in lecture.video.captions:
        assert f'<track kind="captions" src="{one.url}" srclang="{one.language}">' in html
    assert html.count('kind="captions"') == 3


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_videos")
def test_captions_whose_file_is_gone_are_left_out_with_a_warning(
    clip: Path, media_root: Path
) -> None:
    lecture = Lecture.objects.create(
        video=ContentFile(clip.read_bytes(), clip.name),
        captions_de=ContentFile(SUBRIP.encode(), "a.srt"),
    )
    (media_root / lecture.captions_de.key).unlink()
    work()
    job = TranscodeJob.objects.get()
    assert (job.state, job.error) == (State.COMPLETE, "")
    (warning,) = job.warnings
    assert "(de) are left out" in warning


VTT = {"accept": ["text/vtt"], "blank": True}


@isolate_apps("tests.testapp")
@pytest.mark.parametrize(
    ("captions", "said"),
    [
        ({"de": "subtitles"}, []),
        (["subtitles"], ["'captions' must be a dict of field names, got ['subtitles']."]),
        ({"german": "subtitles"}, ["'captions' has 'german', which is no code such as \"de\"."]),
        ({"de": "subtitle"}, ["names 'subtitle' for 'de', which is no media field"]),
        ({"de": "title"}, ["names 'title' for 'de', which is no media field"]),
        ({"de": "photo"}, ["names 'photo' for 'de', which does not accept text/vtt"]),
        ({"de": "subrip"}, ["names 'subrip' for 'de', which stores SubRip as it is"]),
    ],
)
def test_wrong_captions_are_an_error_of_the_checks(captions: Any, said: list[str]) -> None:
    class Talk(models.Model):
        video = MediaField(accept=["video/*"], captions=captions)
        title = models.CharField(max_length=10)
        photo = MediaField()
        subtitles = MediaField(**VTT)
        subrip = MediaField(accept=["text/vtt", "application/x-subrip"])

        class Meta:
            app_label = "testapp"

        def __str__(self) -> str:
            return str(self.pk)

    found = [
        str(one.msg)
        for one in Talk._meta.get_field("video").check()
        if one.id == "shift_media.E119"
    ]
    assert len(found) == len(said)
    for text, part in zip(found, said, strict=True):
        assert part in text


def test_captions_and_convert_are_options_without_a_column() -> None:
    field = Lecture._meta.get_field("video")
    assert field.deconstruct()[3]["captions"] == {"de": "captions_de", "en": "captions_en"}
    assert {"captions", "convert"} <= set(field.non_db_attrs)
