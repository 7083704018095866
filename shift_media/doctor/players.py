"""Checks for players: encoders of the codecs that profiles name, and CORS for renditions."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.doctor.client import origin
from shift_media.doctor.deployment import SITE_UNKNOWN, Deployment
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.doctor.probe import STORED_SIZE
from shift_media.registry import all_media_fields
from shift_media.sandbox.ffmpeg import find_program
from shift_media.transcoding import services
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.backends.ffmpeg.codecs import SOFTWARE
from shift_media.transcoding.backends.ffmpeg.trial import try_encoder

_FIX_ENCODER = (
    "Install a build of ffmpeg that has it and the driver of the hardware, or leave the codec out "
    "of the profile."
)


def check_encoders() -> Iterator[Finding]:
    """Try the encoders that profiles name and the doctor does not check anyway."""
    named = {field.transcode for field in all_media_fields()}
    profiles = [profile for name, profile in settings.PROFILES.items() if name in named]
    codecs = set[str]().union(*(profile.codecs for profile in profiles))
    try:
        transcoder = services.transcoder()
        program = find_program(settings.TRANSCODER["OPTIONS"].get("program", ""))
    except MediaError:  # Another check says so.
        return
    if not isinstance(transcoder, FFmpeg):
        return
    if transcoder.encoders.hardware == SOFTWARE:
        codecs.discard("h264")
    if codecs:
        yield _try(transcoder, program, sorted(codecs))


def _try(transcoder: FFmpeg, program: str, codecs: list[str]) -> Finding:
    encoders = transcoder.choose_encoders(program, codecs)
    names = {codec: encoders.name_of(codec) for codec in codecs}
    for codec, name in names.items():
        if reason := try_encoder(program, codec, encoders):
            return error("encoders", f"{name} does not encode a second: {reason}", _FIX_ENCODER)
    return ok("encoders", f"A second was encoded by {', '.join(names.values())}.")


def check_players(deployment: Deployment) -> Iterator[Finding]:
    """Check that pages of the site may read renditions by script, and captions at all.

    A player that is a script reads lists and segments, and browsers load tracks from another
    origin only if that allows it.
    """
    if not any(field.transcode for field in all_media_fields()):
        return
    if not deployment.public_url or not deployment.app_url:
        yield skipped("media-cors", SITE_UNKNOWN)
        return
    site, public = origin(deployment.app_url), origin(deployment.public_url)
    if site == public:
        yield ok("media-cors", f"Pages and media have one origin, {site}.")
        return
    url = deployment.absolute_url(deployment.probe.resize(STORED_SIZE).url)
    response = deployment.client.request(url, headers={"Origin": site})
    allowed = response.header("Access-Control-Allow-Origin")
    if allowed in ("*", site):
        yield ok("media-cors", f"Pages of {site} may read what {public} serves.")
        return
    seen = f"A page of {site} may not read what {public} serves: no CORS header in {response}."
    run = deployment.apply_command("--cors")
    yield warning("media-cors", seen, "A CDN must pass on the header Origin, too. Then:", run)
