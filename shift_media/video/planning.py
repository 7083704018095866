"""The plan for one source: which renditions of a profile are made, in which sizes and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from shift_media.core.errors import TranscodeError
from shift_media.core.formats import BY_EXTENSION, RENDITION_TYPES
from shift_media.core.keys import OriginalKey, RenditionKey, parse_key
from shift_media.video.captions import name_tracks
from shift_media.video.elastic import naming
from shift_media.video.encoding import VideoEncoding, choose_peak_kbps
from shift_media.video.facts import VideoFacts, build_ladder, fit_short_side
from shift_media.video.languages import name_languages
from shift_media.video.parts import choose_sound
from shift_media.video.planned import PlannedPlaylist, PlannedSound, PlannedVideo, TranscodePlan
from shift_media.video.profiles import Profile
from shift_media.video.specs import Audio, Hls, Mp4, PosterSpec, RenditionSpec, StillsSpec, Webm

CONTENT_TYPES = {
    **{extension: row.content_type for extension, row in BY_EXTENSION.items()},
    **RENDITION_TYPES,
}
"""The content types under which renditions are stored, by extension."""

_DEFAULT_TYPE = "application/octet-stream"

MAX_SOUNDS = 20
"""Of a playlist: each is an encoder, and a file may have thousands."""

# A complete rendition may be shorter than its source: the last frame or packet of audio is cut,
# and headers round. The tolerance is the larger of the two.
_TOLERANCE_SECONDS = 0.5
_TOLERANCE_SHARE = 0.02


def build_plan(profile: Profile, facts: VideoFacts) -> TranscodePlan:
    """Return what a profile makes of a source.

    Raises `TranscodeError` for a source without the streams that the profile needs.
    """
    options = profile.options
    facts = options.part.cut(choose_sound(facts, options.language))
    _check(profile, facts)
    videos = _plan_videos([*profile.of_kind("mp4"), *profile.of_kind("webm")], facts)
    playlists = []
    for rendition in profile.of_kind("hls"):
        rungs = _plan_named_streams(rendition, facts)
        rungs += [_plan_rung(*rung, videos) for rung in _ladders(rendition, facts)]
        videos += [rung for rung in rungs if rung not in videos]
        sounds = tuple(_plan_sounds(rendition, facts))
        playlists.append(PlannedPlaylist(rendition, tuple(rungs), sounds))
    return TranscodePlan(
        facts=facts,
        part=options.part,
        videos=tuple(videos),
        playlists=tuple(playlists),
        audio_files=tuple(profile.of_kind("audio")) if facts.audio else (),
        posters=tuple(profile.of_kind("poster")),
        sprites=tuple(profile.of_kind("sprite")),
        stills=tuple(profile.of_kind("stills")),
        manifests=tuple(profile.of_kind("dash")),
        captions=tuple(
            track
            for spec in profile.of_kind("captions")
            for track in name_tracks(spec.file.removesuffix(".vtt"), facts.captions)
        ),
        watermark=options.watermark,
    )


def _check(profile: Profile, facts: VideoFacts) -> None:
    if profile.elastic is not None and profile.elastic.impossible:
        raise TranscodeError(" ".join(profile.elastic.impossible), code="not_made_here")
    # The poster of a sound is a drawing of it.
    alone = (Audio, PosterSpec) if profile.of_kind("audio") else (Audio,)
    needs_video = any(not isinstance(rendition, alone) for rendition in profile.renditions)
    if needs_video and not facts.video:
        raise TranscodeError("The file has no video stream.", code="no_video")
    if not needs_video and not facts.audio and not facts.unknown_audio:
        raise TranscodeError("The file has no audio stream.", code="no_audio")
    if facts.unknown_audio and not facts.audio:
        # Renditions without sound would look complete.
        text = "The sound of the file is in a codec that ffmpeg cannot decode."
        raise TranscodeError(text, code="unknown_sound")
    if facts.duration <= 0:
        raise TranscodeError("The duration of the file is 0 seconds.", code="no_duration")


def _plan_videos(renditions: Iterable[Mp4], facts: VideoFacts) -> list[PlannedVideo]:
    """Plan the MP4s and WebMs: of equal ones only the lowest that was requested is made.

    Those of the same height are all made: they differ in sound or in speed.
    """
    chosen: dict[object, PlannedVideo] = {}
    lowest: dict[object, int] = {}
    for spec in sorted(renditions, key=lambda rendition: -rendition.height):
        if spec.encoding is not None:  # A project names each of these, so all are made.
            chosen[spec.file] = _plan_encoded(spec.file, spec.encoding, spec, facts)
            continue
        video = _plan_video(spec, facts)
        picture = _picture(video)
        if lowest.setdefault(picture, spec.height) != spec.height:
            chosen = {file: one for file, one in chosen.items() if _picture(one) != picture}
            lowest[picture] = spec.height
        chosen[spec.file] = video
    return list(chosen.values())


def _picture(video: PlannedVideo) -> object:
    return None if video.encoding else (video.width, video.height, video.crf, video.codec)


def _plan_video(spec: Mp4, facts: VideoFacts) -> PlannedVideo:
    size = fit_short_side(facts.width, facts.height, spec.height)
    peak = spec.max_kbps or choose_peak_kbps(min(size))
    return PlannedVideo(
        spec.file,
        *size,
        spec.crf,
        spec.preset,
        spec.audio_kbps,
        peak,
        codec=spec.codec,
        alpha=facts.has_alpha and isinstance(spec, Webm),
    )


def _plan_encoded(
    file: str, encoding: VideoEncoding, spec: Mp4 | Hls, facts: VideoFacts, label: str = ""
) -> PlannedVideo:
    frame = encoding.compute_frame(facts.width, facts.height)
    kbps = spec.audio_kbps if encoding.audio is None else encoding.audio.kbps
    return PlannedVideo(
        file,
        *frame.sides,
        spec.crf,
        spec.preset,
        kbps,
        published=not label,
        label=label,
        codec=encoding.codec,
        encoding=encoding,
        frame=frame,
    )


def _plan_named_streams(rendition: Hls, facts: VideoFacts) -> list[PlannedVideo]:
    return [
        _plan_encoded(f"rung-{label}.mp4", encoding, rendition, facts, label)
        for label, encoding in rendition.streams
    ]


def _ladders(rendition: Hls, facts: VideoFacts) -> Iterator[tuple[Hls, str, tuple[int, int]]]:
    """Yield the rungs of each codec; every codec has all of them, because players keep to one."""
    if rendition.streams:
        return
    sizes = [size[1:] for size in build_ladder(facts.width, facts.height, rendition.heights)]
    for codec in rendition.codecs:
        for size in sizes:
            yield rendition, codec, size


def _plan_rung(
    rendition: Hls, codec: str, size: tuple[int, int], videos: list[PlannedVideo]
) -> PlannedVideo:
    """Return an equal MP4 that is made anyway, else a rung: each size is encoded once."""
    name = f"rung-{min(size)}-{rendition.crf}-{rendition.preset}-{rendition.audio_kbps}"
    rung = PlannedVideo(
        f"{name}-{codec}.mp4",
        *size,
        rendition.crf,
        rendition.preset,
        rendition.audio_kbps,
        choose_peak_kbps(min(size)),
        published=False,
        codec=codec,
    )
    equal = [one for one in videos if replace(one, file=rung.file, published=False) == rung]
    return equal[0] if equal else rung


def _plan_sounds(rendition: Hls, facts: VideoFacts) -> Iterator[PlannedSound]:
    """Yield the sounds beside that of the rungs, if the playlist is to have all of them."""
    if rendition.sounds != "all" or not facts.audio or rendition.streams:
        return
    others = [one for one in facts.sounds if one[0] != facts.audio_stream]
    for stream, language, name in name_languages(others[: MAX_SOUNDS - 1]):
        yield PlannedSound(name, stream, language, rendition.audio_kbps)


def is_full_length(duration: float, source_duration: float) -> bool:
    """Return True if a rendition lasts as long as its source; both are in seconds.

    Encoders end with exit code 0 on a truncated source, so only the duration shows the loss.
    """
    tolerance = max(_TOLERANCE_SECONDS, _TOLERANCE_SHARE * source_duration)
    return duration >= source_duration - tolerance


def content_type_for(file: str) -> str:
    """Return the content type under which a file of a rendition is stored."""
    return CONTENT_TYPES.get(file.rpartition(".")[2], _DEFAULT_TYPE)


def legacy_key(
    original: OriginalKey,
    rendition: RenditionSpec,
    width: int | None = None,
    height: int | None = None,
) -> str:
    """Return the key that Elastic Transcoder would have written: for stills, of the first one."""
    key = rendition.legacy
    if isinstance(rendition, StillsSpec):
        key = naming.thumbnail(key, 1, (width or 0, height or 0), rendition.file[-3:])
    return naming.fill_placeholders(key, original)


def rendition_key(
    original: OriginalKey, profile: str, token: str, rendition: RenditionSpec | str
) -> str:
    """Return the key of a rendition, or of one of its files.

    The first poster lies beside the original, everything else in the folder of the attempt.
    Raises `InvalidKey` for a file name outside the grammar of keys.
    """
    if isinstance(rendition, PosterSpec):
        return str(RenditionKey(original, "", rendition.file))
    file = rendition if isinstance(rendition, str) else rendition.file
    return str(parse_key(str(RenditionKey(original, profile, f"{token}/{file}"))))
