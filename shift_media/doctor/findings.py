"""What the doctor can report: a stable code for each, what it is about, and why it matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is; ``skipped`` says that nothing was looked at."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


class Code(NamedTuple):
    """What a code is about, and why it matters."""

    title: str
    why: str


CODES: dict[str, Code] = {
    # Settings and what is installed.
    "signing-keys": Code(
        "Signing keys",
        "Whoever knows or guesses the key can sign resizes of any size, and a key that changes "
        "gives every resize a new URL.",
    ),
    "shared-cache": Code(
        "A cache that processes share",
        "Without it, hosts do not know of each other: each makes a missing resize on its own, and "
        "each tries a broken original again.",
    ),
    "pillow-formats": Code(
        "Formats of the installed Pillow",
        "An upload in a format that Pillow cannot read has no resizes: its pictures stay blank.",
    ),
    "ffmpeg": Code(
        "ffmpeg and its encoders",
        "Without them no video is ever transcoded: jobs stay pending, or end as errors.",
    ),
    "transcoder": Code(
        "The transcoder",
        "What the service refuses here it refuses for every video.",
    ),
    # The storage, with the site's own credentials.
    "storage-write": Code(
        "Writing and reading",
        "Every upload and every resize that is made is written by the site.",
    ),
    "storage-list": Code(
        "Listing",
        "Deletions and media_cleanup list what lies below an original; a storage that does not "
        "list keeps it for ever.",
    ),
    "conditional-put": Code(
        "Writing once",
        "A key must never be written twice: a storage that overwrites can show one upload in "
        "place of another.",
    ),
    "missing-key": Code(
        "What the storage says of a missing key",
        "Without s3:ListBucket S3 says 403, not 404, of a missing key: each first view then costs "
        "a GET that fails, and a wrong policy looks like a missing file.",
    ),
    "left-behind": Code(
        "What the doctor leaves behind",
        "It stores an original and two resizes of its own, and takes them away again.",
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
        "On local disk the app itself answers for every file: a base_url that does not lead to "
        "shift_media.urls is a page without pictures.",
    ),
    # What anybody sees.
    "site": Code(
        "The app, where the site includes it",
        "A resize that is missing is asked of the app: when it does not answer there, nothing new "
        "is ever shown.",
    ),
    "public-url": Code(
        "The public URL",
        "A browser blocks or rewrites http pictures on an https page: they stay blank.",
    ),
    "public-read": Code(
        "Reading in public",
        "Browsers read resizes without any credentials. What they may not read is a blank "
        "picture, or is asked of the app at each view.",
    ),
    "public-headers": Code(
        "Headers of what is public",
        "A picture that browsers may not keep is fetched again at each view, and one of a wrong "
        "type is not shown.",
    ),
    "private-originals": Code(
        "Private originals",
        'The storage has originals="private": only a signed URL may lead to one.',
    ),
    "anonymous-listing": Code(
        "Listing by strangers",
        "Whoever can list the bucket finds the key of every upload, private ones too.",
    ),
    "anonymous-writing": Code(
        "Writing by strangers",
        "Whoever can write to the bucket can put any file on the site's own address, at the "
        "site's cost.",
    ),
    "cors": Code(
        "Cross-origin requests",
        "Browsers send a direct upload only where the bucket allows the site's origin. A site "
        "without direct uploads does not need it.",
    ),
    # A missing resize.
    "missing-redirect": Code(
        "A missing resize leads to the app",
        "Nobody makes a resize that the app is not asked for: the picture stays blank for ever.",
    ),
    "missing-403": Code(
        "A missing resize that is answered 403",
        "To callers who may not list it, the bucket says 403 of a missing key. A rule for 404 "
        "alone never fires, and the picture stays blank. Do not let everybody list the bucket to "
        "get the 404: add the rule.",
    ),
    "redirect-code": Code(
        "Status of the bucket's redirect",
        "Browsers keep a 301 for ever: they ask the app for what the bucket has long had, and "
        "loop where the app sends them back (too many redirects).",
    ),
    "redirect-target": Code(
        "Where the redirect leads",
        "It must be the app's own address, in one step.",
    ),
    "app-signature": Code(
        "The site accepts what was signed here",
        "Both must sign with the same keys and look into the same storage: else every URL made "
        "by the one is a 404 of the other.",
    ),
    "app-headers": Code(
        "Headers of the app's answer",
        "An answer on the way that somebody keeps, or that sets a cookie, is wrong for the next "
        "one who asks.",
    ),
    "redirect-loop": Code(
        "Too many redirects",
        "A browser gives up after twenty redirects and shows no picture.",
    ),
    "redirect-cached": Code(
        "A redirect that somebody keeps",
        "A CDN that keeps the bucket's redirect goes on sending browsers to the app for what the "
        "bucket has long had. The app answers with the bytes, so nobody loops, but every view "
        "costs an app request; other apps end in too many redirects.",
    ),
    "round-trip": Code(
        "A missing resize becomes a picture",
        "It is what the whole set-up is for.",
    ),
    "webhook": Code(
        "The webhook",
        "SNS tells it when a video is ready. Where it cannot be reached, jobs wait until "
        "media_transcode --poll asks.",
    ),
    # --verify.
    "verified": Code(
        "Originals that are what was uploaded",
        "The SHA-256 of each was kept when it was uploaded.",
    ),
    "object-altered": Code(
        "An original that was altered",
        "It is not what was uploaded: somebody or something wrote to the storage behind the app.",
    ),
    "object-missing": Code(
        "An original that is missing",
        "A row refers to it, and there is nothing under its key.",
    ),
    "object-unreadable": Code(
        "An original that could not be read",
        "The storage failed, so that nothing is known of it.",
    ),
    # The doctor itself.
    "check-failed": Code(
        "A check that failed itself",
        "Something that nobody foresaw: what it would have looked at is not known.",
    ),
}
"""Every code, in the order of an examination."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        code: a key of `CODES`.
        severity: how bad it is.
        seen: what was seen, or why nothing was looked at.
        mend: how to mend it, in words.
        run: the command that mends it. At least one of both is there unless all is well.
    """

    code: str
    severity: Severity
    seen: str
    mend: str = ""
    run: str = ""

    @property
    def title(self) -> str:
        """What it is about."""
        return CODES[self.code].title

    @property
    def why(self) -> str:
        """Why it matters."""
        return CODES[self.code].why


def ok(code: str, seen: str) -> Finding:
    """Report that all is well."""
    return Finding(code, Severity.OK, seen)


def skipped(code: str, reason: str) -> Finding:
    """Report that nothing was looked at, and what it would take."""
    return Finding(code, Severity.SKIPPED, reason)


def warning(code: str, seen: str, mend: str = "", run: str = "") -> Finding:
    """Report what works, and could be better."""
    return Finding(code, Severity.WARNING, seen, mend, run)


def error(code: str, seen: str, mend: str = "", run: str = "") -> Finding:
    """Report what does not work."""
    return Finding(code, Severity.ERROR, seen, mend, run)
