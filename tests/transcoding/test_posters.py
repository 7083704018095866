"""New posters: a key of their own, resizes of their own, and how long they stay."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone
from PIL import Image, ImageStat

from shift_media.conf import ConfigurationError, settings
from shift_media.core.keys import parse_key
from shift_media.core.posters import poster_token
from shift_media.deletion.sweep import Sweep
from shift_media.fields import posters
from shift_media.storages import default_media_storage
from shift_media.testing import FakeTranscoder
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import build_attempt, delete_files
from shift_media.transcoding.services.jobs import NotTranscodable
from shift_media.video.specs import RenditionSpec
from tests.servers.sites import S3Site
from tests.testapp.models import Film, Song
from tests.transcoding.conftest import H264, Draw, NewFilm, save_film, sound, work

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

COLORS = ("red", "lime", "blue", "white")
"""Of each second of the video."""

FFMPEG = {"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg"}


class Painter(FakeTranscoder):
    """Makes posters that have the colour of their second."""

    def _files(self, spec: RenditionSpec) -> Mapping[str, bytes]:
        second = getattr(spec, "second", 0)
        with io.BytesIO() as file:
            Image.new("RGB", (64, 48), COLORS[min(3, int(second))]).save(file, "JPEG")
            return {spec.file: file.getvalue()}


PAINTER = {"BACKEND": f"{__name__}.Painter"}


def posters_at(second: int, transcoder: dict[str, Any] = PAINTER) -> override_settings:
    poster = {"_poster.jpg": {"kind": "poster", "second": second}}
    return override_settings(SHIFT_MEDIA={"PROFILES": {"web": poster}, "TRANSCODER": transcoder})


@pytest.fixture(autouse=True)
def _first_poster_is_red() -> Iterator[None]:
    with posters_at(0):
        yield


@pytest.fixture
def video(draw: Draw, new_film: NewFilm) -> Film:
    """Save four seconds of four colours."""
    inputs = [f"color={name}:s=64x48:r=5:d=1" for name in COLORS]
    words = [word for source in inputs for word in ("-f", "lavfi", "-i", source)]
    return new_film(draw("colors.mp4", *words, "-filter_complex", "concat=n=4", *H264))


@pytest.fixture
def film(video: Film) -> Film:
    """Store the first poster of the video."""
    work()
    return Film.objects.get()


def choose(film: Film, seconds: float) -> Film:
    job = film.video.choose_poster(seconds)
    work()
    job.refresh_from_db()
    assert job.state == State.COMPLETE, job.error
    return Film.objects.get()


def make_again(film: Film) -> Film:
    film.video.transcode(force=True)
    work()
    return Film.objects.get()


def poster_of(film: Film) -> Any:
    poster = film.video.poster
    assert poster is not None
    return poster


def color_at(key: str) -> str:
    with default_media_storage.open(key) as file:
        return color_of(file.read())


def color_of(content: bytes) -> str:
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    red, green, blue = (channel > 128 for channel in ImageStat.Stat(picture).mean)
    named = dict(zip("1000 0100 0010 1110".split(), COLORS, strict=True))
    return named[f"{red:d}{green:d}{blue:d}0"]


@pytest.mark.slow
def test_chosen_poster_has_key_and_resizes_of_its_own(film: Film, client: Client) -> None:
    first, old = poster_of(film), film.video.resize("32x24")
    assert first.key == f"{film.video.key.rpartition('/')[0]}/_poster.jpg"
    assert (color_at(first.key), color_of(client.get(old.url).getvalue())) == ("red", "red")
    film = choose(film, 2.5)
    new, resize = poster_of(film), film.video.resize("32x24")
    assert str(parse_key(new.key)) == new.key
    assert new.key.endswith(f"/_new-poster/{poster_token(new.key)}/poster.jpg")
    assert (color_at(new.key), color_at(first.key)) == ("blue", "red")
    assert resize.key == new.resize("32x24").key
    assert resize.key != old.key
    assert {each.spec.poster for each in new.ladder([16, 32]).values()} == {poster_token(new.key)}
    assert color_of(client.get(resize.url).getvalue()) == "blue"
    assert color_of(client.get(old.url).getvalue()) == "red"  # cached for a year


@pytest.mark.slow
def test_resizes_of_both_posters_are_made_in_one_batch(film: Film) -> None:
    old = film.video.resize("16x12")
    new = choose(film, 3).video.resize("16x12")
    call_command("media_resize", "testapp.Film", "--size", "16x12", stdout=io.StringIO())
    from shift_media.resizes.service import ensure_many

    outcomes = ensure_many([old.key, new.key], film.video.storage)
    assert [outcome.error for outcome in outcomes.values()] == [None, None]
    assert (color_at(old.key), color_at(new.key)) == ("red", "white")


@pytest.mark.slow
def test_metadata_has_the_facts_of_the_new_poster(film: Film) -> None:
    before = dict(film.video_meta)
    assert (before["color"], "poster" in before) == ("#fe0000", False)
    film = choose(film, 3)
    after = dict(film.video_meta)
    assert after.pop("poster") == poster_token(poster_of(film).key)
    assert after["color"] == "#ffffff"
    assert after["placeholder"] != before["placeholder"]
    assert before | {"color": "", "placeholder": ""} == after | {"color": "", "placeholder": ""}


@pytest.mark.slow
def test_chosen_poster_stays_if_the_profile_is_made_again(film: Film) -> None:
    chosen = poster_of(choose(film, 1)).key
    with posters_at(3):
        film = make_again(film)
    assert [each.key for each in film.video.renditions] == [chosen]
    assert film.video.resize("32x24").key == poster_of(film).resize("32x24").key


@pytest.mark.slow
def test_profile_made_again_gives_a_changed_poster_a_new_key(film: Film) -> None:
    first = poster_of(film).key
    assert poster_of(make_again(film)).key == first  # The same picture needs no other URL.
    with posters_at(3):
        film = make_again(film)
        second = poster_of(film).key
        assert poster_token(second) == film.video_meta["poster"]
        assert (color_at(second), color_at(first)) == ("white", "red")
        assert poster_of(make_again(film)).key == second
    assert TranscodeJob.objects.filter(state=State.COMPLETE).count() == 4


@pytest.mark.slow
def test_reset_returns_to_the_poster_of_the_profile(film: Film) -> None:
    first = poster_of(film).key
    film = choose(film, 2)
    assert film.video.reset_poster()
    assert poster_of(film).key == first
    assert "poster" not in film.video_meta
    assert film.video_meta["color"] == "#fe0000"
    assert film.video.resize("32x24").spec.poster is None
    assert not film.video.reset_poster()


@pytest.mark.slow
def test_sweep_removes_posters_that_are_not_in_use_and_no_others(
    film: Film, stored: Callable[[], list[str]]
) -> None:
    with posters_at(3):
        forced = poster_of(make_again(film)).key
    chosen = poster_of(choose(film, 1)).key
    film = choose(film, 2)
    newest = poster_of(film).key
    assert chosen not in stored()  # as each rendition of an earlier job of the same profile
    sweep(film)
    assert {forced, newest} <= set(stored())
    film.video.reset_poster()
    assert poster_of(film).key == forced
    sweep(film)
    assert newest not in stored()
    assert forced in stored()
    film.video.delete()
    assert stored() == []


def sweep(film: Film) -> None:
    later = timezone.now() + timedelta(days=2)
    Sweep(film.video.storage, later, used_folders=services.used_folders).run()


@pytest.mark.slow
def test_last_choice_wins_while_an_earlier_one_is_pending(film: Film) -> None:
    earlier, later = film.video.choose_poster(1), film.video.choose_poster(3)
    assert film.video.choose_poster(3) == later
    work()
    earlier.refresh_from_db()
    assert earlier.state == State.CANCELED
    assert later.priority > 0
    assert color_at(poster_of(film).key) == "white"


@pytest.mark.parametrize("seconds", [-1, 4.5, float("nan"), float("inf")])
def test_time_outside_of_the_video_is_refused(video: Film, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"expected at least 0, and at most 4\."):
        video.video.choose_poster(seconds)
    assert not TranscodeJob.objects.filter(profile="new-poster").exists()


@pytest.mark.slow
def test_time_is_that_of_the_part_that_is_played(film: Film) -> None:
    profile = {"trim": {"start": 1, "end": 3}, "_poster.jpg": {"kind": "poster", "second": 0}}
    settings = {"PROFILES": {"web": profile}, "TRANSCODER": PAINTER}
    with override_settings(SHIFT_MEDIA=settings):
        assert color_at(poster_of(choose(film, 1.5)).key) == "blue"
        with pytest.raises(ValueError, match=r"at most 2\."):
            film.video.choose_poster(2.5)


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "color"), [(2.5, "blue"), (3.9, "white"), (4, "white")])
def test_ffmpeg_takes_the_frame_of_the_time(film: Film, seconds: float, color: str) -> None:
    with posters_at(0, FFMPEG):
        assert color_at(poster_of(choose(film, seconds)).key) == color


@pytest.mark.slow
def test_ffmpeg_keeps_the_key_of_an_equal_poster(video: Film) -> None:
    with posters_at(0, FFMPEG):
        work()
        first = poster_of(video).key
        assert poster_of(make_again(video)).key == first
    with posters_at(1, FFMPEG):
        second = poster_of(make_again(video)).key
    assert (color_at(first), color_at(second)) == ("red", "lime")


@pytest.mark.slow
def test_video_without_metadata_field_knows_its_poster_by_a_query(film: Film) -> None:
    film = choose(film, 1)
    film.video_meta = {}
    assert poster_of(film).resize("32x24").spec.poster == poster_token(poster_of(film).key)
    assert film.video.resize("32x24").spec.poster is None  # A URL is made without any I/O.


@pytest.mark.slow
def test_sound_has_no_poster_to_choose(media_root: object, draw: Draw) -> None:
    song = draw("second.m4a", *sound())
    row = Song.objects.create(sound=ContentFile(song.read_bytes(), "song.m4a"))
    with pytest.raises(NotTranscodable, match="is a sound"):
        row.sound.choose_poster(0)


@pytest.mark.slow
def test_command_takes_a_poster_at_a_second(film: Film) -> None:
    out = io.StringIO()
    call_command("media_transcode", "testapp.Film", "--poster", "2.5", stdout=out)
    assert "colors.mp4 (new-poster): complete" in out.getvalue()
    assert color_at(poster_of(film).key) == "blue"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--poster", "2"], "--poster needs a model or field"),
        (["testapp.Film", "--poster", "2", "--profile", "web"], "--poster excludes --profile"),
        (["testapp.Film", "--poster", "2", "--force"], "--poster excludes"),
    ],
)
def test_command_refuses_what_a_poster_cannot_have(arguments: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text):
        call_command("media_transcode", *arguments)


def test_command_says_that_a_video_is_shorter(video: Film) -> None:
    error = io.StringIO()
    with pytest.raises(CommandError, match=r"1 failed\."):
        call_command("media_transcode", "testapp.Film", "--poster", "9", stderr=error)
    assert "expected at least 0, and at most 4" in error.getvalue()


def test_profile_with_the_name_of_new_posters_is_refused() -> None:
    reserved = {"new-poster": {"_poster.jpg": {"kind": "poster"}}}
    with (
        override_settings(SHIFT_MEDIA={"PROFILES": reserved}),
        pytest.raises(ConfigurationError, match="Choose another one"),
    ):
        settings.PROFILES  # noqa: B018


def test_failed_attempt_leaves_the_poster_in_use(film: Film) -> None:
    first = poster_of(film).key
    job = film.video.choose_poster(1)
    with posters_at(0, {**PAINTER, "OPTIONS": {"error": "broken"}}):
        work()
    job.refresh_from_db()
    assert (job.state, job.error_code) == (State.ERROR, "broken")
    assert poster_of(film).key == first
    assert color_at(first) == "red"


@pytest.mark.slow
def test_new_poster_in_a_bucket_has_resizes_and_goes_with_its_video(
    s3_site: S3Site, clip: Path
) -> None:
    poster = {"_poster.jpg": {"kind": "poster", "second": 0}}
    s3_site.configure(shift_media={"PROFILES": {"web": poster}, "TRANSCODER": PAINTER})
    film = save_film(ContentFile(clip.read_bytes(), "clip.mp4"))
    work()
    first = poster_of(film).key
    film = choose(Film.objects.get(), 1)
    new, resize = poster_of(film).key, film.video.resize("32x24")
    assert resize.spec.poster == poster_token(new)
    s3_site.proxy.clear()
    assert Client().get(f"/media/{resize.key}").status_code == 302
    read = [key for method, key in s3_site.counts() if method == "GET"]
    assert read == [new]  # and no other file
    assert s3_site.stored() == {film.video.key, first, new, resize.key}
    assert (color_at(resize.key), color_at(first)) == ("lime", "red")
    film.delete()
    assert s3_site.stored() == set()


def test_cancelled_choice_leaves_the_first_poster_of_a_job_that_is_not_complete_yet(
    video: Film,
) -> None:
    directory = video.video.key.rpartition("/")[0]
    first = f"{directory}/_poster.jpg"
    job = video.video.choose_poster(1)
    # The job of the profile has stored its poster, and stores its other files.
    default_media_storage.save(first, ContentFile(b"poster"))
    delete_files(job, build_attempt(job))
    assert default_media_storage.exists(first)


@pytest.mark.slow
def test_complete_choice_leaves_the_new_poster_of_a_job_that_is_not_complete_yet(
    film: Film,
) -> None:
    again = film.video.transcode(force=True)
    lease = {"lease_owner": "another", "lease_until": timezone.now() + timedelta(hours=1)}
    TranscodeJob.objects.filter(pk=again.pk).update(state=State.PROGRESSING, **lease)
    folder = f"{film.video.key.rpartition('/')[0]}/_new-poster/{again.token}"
    default_media_storage.save(f"{folder}/poster.jpg", ContentFile(b"poster"))
    choose(film, 1)
    assert default_media_storage.exists(f"{folder}/poster.jpg")


@pytest.mark.slow
def test_facts_are_those_of_the_poster_in_use_if_another_is_noted_meanwhile(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = choose(film, 1)
    read, chosen = posters._read_facts, []

    def read_slowly(storage: Any, poster: str | None) -> dict[str, str]:
        facts = read(storage, poster)
        if not chosen:  # Another worker completes another choice before this one writes.
            chosen.append(True)
            choose(film, 3)
        return facts

    monkeypatch.setattr(posters, "_read_facts", read_slowly)
    posters.write_facts(film.video.field, film.video.key)
    film = Film.objects.get()
    assert film.video_meta["poster"] == poster_token(poster_of(film).key)
    assert film.video_meta["color"] == "#ffffff"
