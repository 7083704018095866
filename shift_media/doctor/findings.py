"""The findings of the doctor: their codes, which are stable, and why each of them matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """The severity of a finding; ``skipped`` means that nothing was checked."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


class Code(NamedTuple):
    """The title of a code, and why findings with it matter."""

    title: str
    why: str


CODES: dict[str, Code] = {
    # Settings and installed programs.
    "signing-keys": Code(
        "Signing keys",
        "A person who knows or guesses the key can sign resizes of any size, and a key that "
        "changes gives every resize a new URL.",
    ),
    "legacy-names": Code(
        "Files from before the media field",
        "Rows of a field that was an ImageField have names that are no keys. Their pictures are "
        "shown as they are, in full size.",
    ),
    "shared-cache": Code(
        "A cache that processes share",
        "Without it, hosts do not know of each other: each makes a missing resize on its own, and "
        "each tries a broken original again.",
    ),
    "pillow-formats": Code(
        "Formats of the installed Pillow",
        "An upload in a format that Pillow cannot read has no resizes: its images stay blank.",
    ),
    "ffmpeg": Code(
        "ffmpeg and its encoders",
        "Without them no video is transcoded: jobs stay pending, or end as errors.",
    ),
    "encoders": Code(
        "Encoders of HEVC, AV1 and hardware",
        "A profile that names a codec fails for every video if ffmpeg cannot encode it.",
    ),
    "transcoder": Code(
        "The transcoder",
        "If the service refuses the requests of this check, it refuses every job too.",
    ),
    "transcode-worker": Code(
        "Workers of transcoding jobs",
        "Jobs stay pending until a worker runs them, and pages show no video.",
    ),
    # The storage, with the site's own credentials.
    "storage-write": Code(
        "Writing and reading",
        "The site writes every upload and every resize that it makes.",
    ),
    "storage-list": Code(
        "Listing",
        "Deletions and media_cleanup list what is stored under an original's prefix. If the "
        "storage does not list it, it is never deleted.",
    ),
    "conditional-put": Code(
        "Writing once",
        "A key must never be written twice: a storage that overwrites can show one upload in "
        "place of another.",
    ),
    "missing-key": Code(
        "The storage's answer for a missing key",
        "Without s3:ListBucket S3 answers 403 instead of 404 for a missing key. Each first view "
        "then costs a GET that fails, and a wrong policy looks like a missing file.",
    ),
    "site-marker": Code(
        "The site that a storage belongs to",
        "To a second site on the same storage, such as staging beside production, every original "
        "is one without a row, and its media_cleanup would remove them.",
    ),
    "versioning": Code(
        "Versions of deleted files",
        "A versioned bucket keeps what the site deletes, as non-current versions: the privacy of "
        "a user who deleted a picture, and its cost.",
    ),
    "left-behind": Code(
        "What the doctor leaves behind",
        "It stores an original and two resizes of its own, and removes them again.",
    ),
    "local-folder": Code(
        "The folder of a local storage",
        "Uploads and resizes are files in it, written by the user that runs the site.",
    ),
    "local-space": Code(
        "Free space",
        "A full disk refuses uploads, and no resize can be stored.",
    ),
    "local-url": Code(
        "The URL of a local storage",
        "On local disk the app itself serves every file. If base_url does not lead to "
        "shift_media.urls, pages show no images.",
    ),
    # The public view of it.
    "site": Code(
        "The app, where the site includes it",
        "Requests for missing resizes go to the app: if it does not answer there, nothing new is "
        "ever shown.",
    ),
    "public-url": Code(
        "The public URL",
        "A browser blocks or rewrites http images on an https page: they stay blank.",
    ),
    "public-read": Code(
        "Public reading",
        "Browsers read resizes without credentials. A resize that they may not read is a blank "
        "image, or costs a request to the app at each view.",
    ),
    "public-headers": Code(
        "Headers of public files",
        "An image that browsers may not cache is fetched again at each view, and one of a wrong "
        "type is not shown.",
    ),
    "private-originals": Code(
        "Private originals",
        'The storage has originals="private": only a signed URL may lead to one.',
    ),
    "private-derived": Code(
        "Private resizes and renditions",
        'The storage has derived="private": only a signed URL that has not expired may lead to '
        "one.",
    ),
    "private-headers": Code(
        "Headers of private files",
        "A response that a shared cache may keep is given to people who may not see it.",
    ),
    "private-old-files": Code(
        "Files from before a storage was private",
        "What was stored for everybody stays readable for everybody who knows its URL.",
    ),
    "anonymous-listing": Code(
        "Anonymous listing",
        "A person who can list the bucket finds the key of every upload, of private ones too.",
    ),
    "anonymous-writing": Code(
        "Anonymous writing",
        "A person who can write to the bucket can put any file on the site's own address, at the "
        "site's cost.",
    ),
    "cors": Code(
        "Cross-origin requests",
        "Browsers send a direct upload only if the bucket allows the site's origin. A site "
        "without direct uploads does not need it.",
    ),
    "media-cors": Code(
        "Media for players and captions",
        "Players that are scripts, such as hls.js, read playlists and segments, and browsers load "
        "captions of another origin only if that allows it.",
    ),
    # A missing resize.
    "missing-redirect": Code(
        "A missing resize leads to the app",
        "The app makes a resize when it is requested there. Without that request the image stays "
        "blank for ever.",
    ),
    "missing-403": Code(
        "A missing resize that is answered 403",
        "The bucket answers 403 for a missing key to callers who may not list it. A rule for 404 "
        "alone never applies, and the image stays blank. Do not let everybody list the bucket to "
        "get the 404: add the rule.",
    ),
    "redirect-code": Code(
        "Status of the bucket's redirect",
        "Browsers cache a 301 for ever: they ask the app for a resize that the bucket has long "
        "had, and loop if the app redirects them back (too many redirects).",
    ),
    "redirect-target": Code(
        "Target of the redirect",
        "It must be the app's own address, in one step.",
    ),
    "app-signature": Code(
        "The site accepts signatures made here",
        "Both must sign with the same keys and use the same storage. Otherwise each answers 404 "
        "to the URLs of the other.",
    ),
    "app-headers": Code(
        "Headers of the app's response",
        "A redirect that is cached, or that sets a cookie, is wrong for the next client.",
    ),
    "redirect-loop": Code(
        "Too many redirects",
        "A browser gives up after twenty redirects and shows no image.",
    ),
    "redirect-cached": Code(
        "A cached redirect",
        "A CDN that caches the bucket's redirect goes on sending browsers to the app for a resize "
        "that the bucket has long had. The app answers with the bytes, so browsers do not loop, "
        "but every view costs an app request; other apps end in too many redirects.",
    ),
    "round-trip": Code(
        "A missing resize becomes an image",
        "This is what the whole deployment is for.",
    ),
    "webhook": Code(
        "The webhook",
        "SNS sends it a message when a video is ready. If SNS cannot reach it, jobs wait for "
        "media_transcode --poll.",
    ),
    # --verify.
    "verified": Code(
        "Originals that are unchanged",
        "The SHA-256 of each original was stored when it was uploaded.",
    ),
    "object-altered": Code(
        "An original that was altered",
        "It differs from what was uploaded: something wrote to the storage without the app.",
    ),
    "object-missing": Code(
        "An original that is missing",
        "A row refers to it, but nothing is stored under its key.",
    ),
    "object-unreadable": Code(
        "An original that could not be read",
        "The storage failed, so the state of the original is not known.",
    ),
    "metadata-place": Code(
        "Places in the metadata of originals",
        "A picture of a phone says where it was taken, often at the home of the user, to "
        "everybody who may download it.",
    ),
    # The doctor itself.
    "check-failed": Code(
        "A check that failed itself",
        "An unexpected error ended the check, so its topic was not checked.",
    ),
}
"""Every code, in the order of an examination."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        code: A key of `CODES`.
        severity: The severity.
        seen: What was seen, or why nothing was checked.
        fix: How to fix it, in words.
        run: The command that fixes it. A warning or error has a ``fix``, a ``run`` or both.
    """

    code: str
    severity: Severity
    seen: str
    fix: str = ""
    run: str = ""

    @property
    def title(self) -> str:
        """The title of the code."""
        return CODES[self.code].title

    @property
    def why(self) -> str:
        """The reason why it matters."""
        return CODES[self.code].why


def ok(code: str, seen: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(code, Severity.OK, seen)


def skipped(code: str, reason: str) -> Finding:
    """Return a finding that nothing was checked, with the reason."""
    return Finding(code, Severity.SKIPPED, reason)


def warning(code: str, seen: str, fix: str = "", run: str = "") -> Finding:
    """Return a finding about something that works, but could be better."""
    return Finding(code, Severity.WARNING, seen, fix, run)


def error(code: str, seen: str, fix: str = "", run: str = "") -> Finding:
    """Return a finding about something that does not work."""
    return Finding(code, Severity.ERROR, seen, fix, run)
