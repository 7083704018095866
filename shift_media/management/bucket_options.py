"""The options of ``media_bucket``: which bucket it configures, and what the documents say."""

from __future__ import annotations

import argparse
import copy
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.core.management.base import CommandError, CommandParser
from django.urls import NoReverseMatch, reverse

from shift_media.aws.distributions import CloudFrontIds, CustomDomains
from shift_media.aws.documents import BUCKET, HOST, BucketSetup
from shift_media.aws.policies import Readable
from shift_media.aws.website import REDIRECT_CODES
from shift_media.conf import settings
from shift_media.storages import MediaStorage, S3MediaStorage, get_storage, unwrap
from shift_media.storages.s3.options import check_endpoint

if TYPE_CHECKING:
    from shift_media.aws.bucket import Client

Options = dict[str, Any]


def add_common(parser: CommandParser) -> None:
    """Add the options of all Django commands, so that they may also follow the action."""
    absent: Any = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
    parser.add_argument("-v", "--verbosity", type=int, choices=range(4), **absent)
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, **absent)
    for name in ("--traceback", "--no-color", "--force-color"):
        parser.add_argument(name, action="store_true", **absent)


def add_bucket(parser: CommandParser) -> None:
    """Add the options that choose the bucket."""
    group = parser.add_argument_group("which bucket")
    group.add_argument(
        "--storage", default="", help="alias in STORAGES; default: the site's media storage"
    )
    group.add_argument("--bucket", default="", help="a bucket other than the storage's")
    group.add_argument(
        "--endpoint-url", default="", metavar="URL", help="a server other than the storage's"
    )


def add_site(parser: CommandParser) -> None:
    """Add the options that the bucket's documents depend on."""
    group = parser.add_argument_group("what the documents say")
    group.add_argument(
        "--app-url",
        default="",
        metavar="URL",
        help="where shift_media.urls is included: https://www.example.com/media/",
    )
    group.add_argument(
        "--redirect-code",
        choices=REDIRECT_CODES,
        default=REDIRECT_CODES[0],
        help="status of the bucket's redirect; default: %(default)s",
    )
    group.add_argument(
        "--reader",
        choices=("everybody", "cloudfront"),
        default="everybody",
        help="who reads the bucket itself; cloudfront needs --distribution",
    )
    group.add_argument(
        "--distribution",
        default="",
        metavar="ARN",
        help="the CloudFront distribution in front of the bucket",
    )
    group.add_argument(
        "--upload-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="origin of pages that upload into the bucket, https://www.example.com; repeatable; "
        'default: SHIFT_MEDIA["UPLOAD_ORIGINS"]',
    )
    group.add_argument(
        "--noncurrent-days",
        type=_days,
        default=0,
        metavar="DAYS",
        help="in a versioned bucket, remove deleted files for good after so many days",
    )


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1, such as 30")
    return int(text)


def add_print(parser: CommandParser) -> None:
    """Add the options that only printed documents depend on."""
    group = parser.add_argument_group("other services in printed documents")
    group.add_argument("--role", default="", metavar="ARN", help="MediaConvert's role")
    group.add_argument(
        "--topic", action="append", default=[], metavar="ARN", help="an SNS topic; repeatable"
    )
    group.add_argument(
        "--elastic-transcoder", default="", metavar="ARN", help="an Elastic Transcoder pipeline"
    )
    group.add_argument(
        "--origin",
        choices=("bucket", "website"),
        default="bucket",
        help="what CloudFront reads: the private bucket, failing over to the app; or the website "
        "endpoint; default: %(default)s",
    )
    group.add_argument(
        "--access-control-id", default="", metavar="ID", help="of the origin access control"
    )
    group.add_argument("--cache-policy-id", default="", metavar="ID", help="of the cache policy")
    group.add_argument(
        "--headers-policy-id", default="", metavar="ID", help="of the response headers policy"
    )
    group.add_argument(
        "--alias",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name of the distribution; repeatable",
    )
    group.add_argument("--certificate", default="", metavar="ARN", help="of the aliases")


def require_storage(options: Options) -> S3MediaStorage:
    """Return the storage that the options choose; raises `CommandError` without a bucket."""
    storage = find_storage(options)
    if storage is None:
        alias = f"{options['storage']!r}" if options["storage"] else "of media"
        raise CommandError(
            f"The storage {alias} has no bucket. Name one with --bucket, or set "
            'STORAGES["media"] to {"BACKEND": "shift_media.storages.S3MediaStorage", '
            '"OPTIONS": {"bucket_name": "…", "public_url": "…"}}.'
        )
    return storage


def find_media_storage(options: Options) -> MediaStorage:
    """Return the storage that the options choose, which may be a folder."""
    if not options["bucket"]:
        storage = get_storage(options["storage"]) if _is_known(options["storage"]) else None
        if isinstance(storage, MediaStorage) and not hasattr(storage, "bucket_name"):
            return storage
    return require_storage(options)


def _is_known(alias: str) -> bool:
    return not alias or alias in storages.backends


def find_storage(options: Options) -> S3MediaStorage | None:
    """Return the storage that the options choose, as they change it; None without a bucket."""
    bucket, endpoint = options["bucket"], options["endpoint_url"] or None
    try:
        storage = unwrap(get_storage(options["storage"]))
    except (InvalidStorageError, ImproperlyConfigured) as error:
        chosen = f"--storage {options['storage']}" if options["storage"] else "The media storage"
        raise CommandError(f"{chosen}: {error}") from error
    try:
        check_endpoint(endpoint)
    except ImproperlyConfigured as error:
        raise CommandError(f"--endpoint-url: {error}") from error
    if not hasattr(storage, "bucket_name"):
        if not bucket:
            return None
        public_url = f"https://{HOST}/"
        return S3MediaStorage(bucket_name=bucket, public_url=public_url, endpoint_url=endpoint)
    # A copy has no client yet, so it will connect to the endpoint that is set here.
    changed = cast("S3MediaStorage", copy.copy(storage))
    if bucket:
        changed.bucket_name = bucket
    if endpoint:
        changed.endpoint_url = endpoint
    return changed


def bucket_setup(options: Options, storage: S3MediaStorage | None) -> BucketSetup:
    """Build the description that the documents need, from the options, storage and settings.

    Placeholders stand for whatever is not known. Raises `CommandError` for a wrong option.
    """
    try:
        return BucketSetup(
            bucket=storage.bucket_name if storage else BUCKET,
            prefix=storage.key_prefix if storage else "",
            region=_region(storage),
            app_url=options["app_url"] or f"https://{HOST}{_include_path()}",
            redirect_code=options["redirect_code"],
            readable=_readable(options, storage),
            reader=options["reader"],
            distribution_arn=options["distribution"] or _distribution(options, storage),
            upload_origins=options["upload_origin"] or settings.UPLOAD_ORIGINS,
            site_origins=[_origin(settings.SITE_URL)] if settings.SITE_URL else [],
            noncurrent_days=options["noncurrent_days"],
            **_print_options(options),
        )
    except ValueError as error:
        raise CommandError(str(error)) from error


def _print_options(options: Options) -> dict[str, Any]:
    """Return the values of `add_print`; the site's settings are the defaults."""
    if "origin" not in options:
        return {}
    placeholders = CloudFrontIds()
    return {
        "mediaconvert_role": options["role"] or _role(settings.TRANSCODER),
        "topics": options["topic"] or list(settings.SNS_TOPICS),
        "elastic_transcoder": options["elastic_transcoder"],
        "cloudfront_origin": options["origin"],
        "cloudfront_ids": CloudFrontIds(
            options["access_control_id"] or placeholders.origin_access_control,
            options["cache_policy_id"] or placeholders.cache_policy,
            options["headers_policy_id"] or placeholders.response_headers_policy,
        ),
        "domains": CustomDomains(options["alias"], options["certificate"]),
    }


def _role(transcoder: dict[str, Any]) -> str:
    """Return the role in MediaConvert's options, also if it replaces another transcoder."""
    options = transcoder.get("OPTIONS", {})
    instead = options.get("instead")
    nested = _role(instead) if isinstance(instead, dict) else ""
    return str(options.get("role", "")) or nested


def _distribution(options: Options, storage: S3MediaStorage | None) -> str:
    """Return the ARN of the storage's distribution for the app's policy; it fits any account."""
    id = storage.cloudfront_distribution if storage else ""
    is_needed = options.get("what") == "iam-policy" and id
    return f"arn:aws:cloudfront::*:distribution/{id}" if is_needed else ""


def _readable(options: Options, storage: S3MediaStorage | None) -> Readable:
    if storage is None or storage.originals == "public":
        return "all"
    if storage.derived == "public":
        return "derived"
    # A distribution that checks signatures by itself must be able to read what they are for.
    by_cloudfront = options["reader"] == "cloudfront" and storage.cloudfront_signer
    return "all" if by_cloudfront else "nothing"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _region(storage: S3MediaStorage | None) -> str:
    client: Client = storage.client if storage else None
    return str(client.meta.region_name or "us-east-1") if client else "us-east-1"


def _include_path() -> str:
    """Return the path under which this project includes the URLs; ``/media/`` if unknown."""
    try:
        path: str = reverse("shift_media:upload")
    except NoReverseMatch:
        return "/media/"
    return path.removesuffix("upload/")
