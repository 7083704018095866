"""The functions of Jinja2 return what the template tags render."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.template import Context, Template
from django.template.backends.jinja2 import Jinja2
from django.test import override_settings
from jinja2 import Environment

from shift_media.core.errors import InvalidSpec
from shift_media.core.metadata import Metadata
from shift_media.jinja2 import FUNCTIONS, media_player
from shift_media.templatetags.shift_media import register
from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from testproject.gallery.models import Clip, Photo
from tests.parts import ROOT

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
EXTENSION = "shift_media.jinja2.MediaExtension"


@pytest.fixture
def photo() -> Photo:
    metadata = Metadata(content_type="image/jpeg", size=1, width=4000, height=3000)
    return Photo(image=KEY, image_meta=metadata.to_json(KEY))


def render(source: str, **context: Any) -> str:
    options = {"extensions": [EXTENSION]}
    engine = Jinja2({"NAME": "jinja2", "DIRS": [], "APP_DIRS": False, "OPTIONS": options})
    text: str = engine.from_string(source).render(context)
    return text


def render_tag(source: str, **context: Any) -> str:
    return Template("{% load shift_media %}" + source).render(Context(context))


def test_each_tag_has_a_function() -> None:
    assert {function.__name__ for function in FUNCTIONS} == set(register.tags)


@pytest.mark.parametrize(
    ("function", "tag"),
    [
        ('resize_url(p.image, "40x30", mode="fill")', 'resize_url p.image "40x30" mode="fill"'),
        ('resize(p.image, "40x30")', 'resize p.image "40x30"'),
        (
            'resize_img(p.image, "40x30", alt=name, data_id=7)',
            'resize_img p.image "40x30" alt=name data_id=7',
        ),
        (
            'resize_picture(p.image, "320 640", formats="avif webp", sizes="100vw")',
            'resize_picture p.image "320 640" formats="avif webp" sizes="100vw"',
        ),
    ],
)
def test_function_returns_the_html_of_its_tag(function: str, tag: str, photo: Photo) -> None:
    names = {"p": photo, "name": 'A "<cat>"'}
    shown = render(f"{{{{ {function} }}}}", **names)
    assert shown == render_tag(f"{{% {tag} %}}", **names)
    assert "upscale-" in shown


def test_resize_has_its_size(photo: Photo) -> None:
    source = '{% set img = resize(p.image, "400x400") %}{{ img.width }}x{{ img.height }} {{ img }}'
    assert render(source, p=photo) == f"400x300 {photo.image.resize('400x400').url}"


@pytest.mark.django_db
def test_video_has_its_sources() -> None:
    key = KEY.replace(".jpg", ".mp4")
    job = TranscodeJob.objects.create(original=key, profile="web", state=State.COMPLETE)
    Rendition.objects.create(
        job=job, original=key, key=f"{key.rpartition('/')[0]}/_web/a/720p.mp4", kind="mp4",
        content_type="video/mp4", state=State.COMPLETE,
    )  # fmt: skip
    shown = render(
        '{{ media_video(c.video, controls=True, captions="/a.vtt") }}', c=Clip(video=key)
    )
    tag = '{% media_video c.video controls=True captions="/a.vtt" %}'
    assert shown == render_tag(tag, c=Clip(video=key))
    assert "720p.mp4" in shown


@pytest.mark.parametrize(
    "function", [each.__name__ for each in FUNCTIONS if each is not media_player]
)
def test_empty_field_renders_nothing(function: str) -> None:
    own = {"media_video": "", "media_audio": "", "resize_picture": ', "320"'}
    arguments = own.get(function, ', "40x30"')
    assert render(f"{{{{ {function}(p.image{arguments}) }}}}", p=Photo()) == ""


@pytest.mark.parametrize(
    "call", ['resize_url(p.image, "40x30", fromat="webp")', 'resize_img(p.image, "huge")']
)
def test_error_is_raised_in_development_and_logged_in_production(
    call: str, photo: Photo, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec):
        render(f"{{{{ {call} }}}}", p=photo)
    assert render(f"{{{{ {call} }}}}", p=photo) == ""
    assert "in a template failed" in caplog.text


def test_functions_work_in_an_environment_without_django(photo: Photo) -> None:
    environment = Environment(extensions=[EXTENSION], autoescape=True)
    shown = environment.from_string('{{ resize_img(p.image, "40x30") }}').render(p=photo)
    assert shown == render_tag('{% resize_img p.image "40x30" %}', p=photo)


@pytest.mark.slow
def test_missing_jinja2_names_the_extra() -> None:
    code = "import sys; sys.modules['jinja2'] = None; import shift_media.jinja2"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert 'pip install "django-shift-media[jinja2]"' in ran.stderr


def test_player_is_that_of_the_tag() -> None:
    shown = render('{{ media_player(nonce="n") }}')
    assert shown == render_tag('{% media_player nonce="n" %}')
    assert shown.startswith("<script")
