"""Moving GIFs become WebMs and MP4s that loop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.template import Context, Template

from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.transcoding.services.jobs import NotTranscodable
from tests.imaging import images
from tests.testapp.models import Photo
from tests.transcoding.conftest import work

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

TAG = 'resize_video image "40x" alt="A lake" class="wide" loading="lazy"'
PAGE = f"{{% load shift_media %}}{{% {TAG} %}}"


@pytest.fixture(autouse=True)
def transcoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Photo._meta.get_field("image"), "transcode", "animation")


def gif(frames: int, size: tuple[int, int] = (65, 49)) -> ContentFile[bytes]:
    pictures = [images.photograph(*size, seed) for seed in range(frames)]
    return ContentFile(images.animated("gif", pictures, [100] * frames), "lake.gif")


def shown(row: Photo) -> str:
    return Template(PAGE).render(Context({"image": row.image}))


@pytest.mark.slow
def test_moving_gif_becomes_videos_that_a_tag_loops(media_root: Path) -> None:
    row = Photo.objects.create(image=gif(5))
    assert shown(row).startswith("<img ")
    work()
    job = TranscodeJob.objects.get()
    assert job.state == State.COMPLETE, (job.error_code, job.error)
    row = Photo.objects.get()
    files = {each.key.rpartition("/")[2]: each for each in row.image.renditions}
    codecs = {"loop.webm": "vp9", "loop.mp4": "h264"}
    assert set(files) == set(codecs)
    for name, codec in codecs.items():
        facts = probe_video(media_root / files[name].key, VideoLimits())
        assert facts.duration == pytest.approx(0.5, abs=0.11)
        assert (facts.video, facts.audio, facts.width, facts.height) == (codec, "", 64, 48)
    content = (media_root / files["loop.webm"].key).read_bytes()
    assert b"\x53\xc0\x81\x01" not in content  # AlphaMode of Matroska: no pixel is transparent
    html = shown(row)
    for part in ("autoplay", "muted", "loop", "playsinline", 'class="wide"', 'width="40"'):
        assert part in html, part
    assert f'poster="{row.image.resize("40x", format="jpg").url}"' in html
    types = re.findall(r'<source src="[^"]+" type="([^"]+)">', html.replace("&quot;", "'"))
    assert [each.partition(".")[0] for each in types] == [
        "video/webm; codecs='vp9'",
        "video/mp4; codecs='avc1",
    ]
    assert 'aria-label="A lake"' in html
    assert "lazy" not in html
    assert row.image.resize("40x").ensure()  # of the GIF itself, not of a poster
    row.delete()
    assert not TranscodeJob.objects.exists()


def test_still_gif_and_other_pictures_have_no_job() -> None:
    row = Photo.objects.create(image=gif(1))
    picture = ContentFile(images.encoded(images.quadrants(), "jpg"), "a.jpg")
    other = Photo.objects.create(image=picture)
    assert not TranscodeJob.objects.exists()
    assert shown(row).startswith("<img ")
    for picture_row in (row, other):
        with pytest.raises(NotTranscodable):
            picture_row.image.transcode()


def test_empty_field_renders_nothing() -> None:
    empty: Any = Photo()
    assert shown(empty) == ""
