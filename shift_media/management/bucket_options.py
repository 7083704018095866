"""The options of ``media_bucket``: which bucket is meant, and what the documents shall say."""

from __future__ import annotations

import argparse
import copy
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError
from django.core.management.base import CommandError, CommandParser
from django.urls import NoReverseMatch, reverse

from shift_media.aws.cloudfront import DistributionParts, Names
from shift_media.aws.documents import BUCKET, HOST, BucketSetup
from shift_media.aws.policies import Readable
from shift_media.aws.website import REDIRECT_CODES
from shift_media.conf import settings
from shift_media.storages import S3MediaStorage, by_alias, unwrapped

if TYPE_CHECKING:
    from shift_media.aws.bucket import Client

Options = dict[str, Any]


def add_common(parser: CommandParser) -> None:
    """Add the options that every command of Django's has, after the action as well as before."""
    absent: Any = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
    parser.add_argument("-v", "--verbosity", type=int, choices=range(4), **absent)
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, **absent)
    for name in ("--traceback", "--no-color", "--force-color"):
        parser.add_argument(name, action="store_true", **absent)


def add_bucket(parser: CommandParser) -> None:
    """Add the options that say which bucket is meant."""
    group = parser.add_argument_group("which bucket")
    group.add_argument(
        "--storage", default="", help="alias in STORAGES; without it the site's media storage"
    )
    group.add_argument("--bucket", default="", help="another bucket than the storage's")
    group.add_argument(
        "--endpoint-url", default="", metavar="URL", help="another server than the storage's"
    )


def add_site(parser: CommandParser) -> None:
    """Add the options that say what the documents are about."""
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
        "--distribution", default="", metavar="ARN", help="the CloudFront distribution before it"
    )
    group.add_argument(
        "--upload-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="origin of pages that upload into the bucket: https://www.example.com; repeatable",
    )


def add_print(parser: CommandParser) -> None:
    """Add the options that only what is printed depends on."""
    group = parser.add_argument_group("what else is printed")
    group.add_argument("--role", default="", metavar="ARN", help="the role of MediaConvert")
    group.add_argument(
        "--topic", action="append", default=[], metavar="ARN", help="a topic of SNS; repeatable"
    )
    group.add_argument(
        "--elastic-transcoder", default="", metavar="ARN", help="a pipeline of Elastic Transcoder"
    )
    group.add_argument(
        "--origin",
        choices=("bucket", "website"),
        default="bucket",
        help="what CloudFront reads: the private bucket, and the app where that has nothing; or "
        "the website endpoint. Default: %(default)s",
    )
    group.add_argument("--access-control-id", default="", metavar="ID")
    group.add_argument("--cache-policy-id", default="", metavar="ID")
    group.add_argument("--headers-policy-id", default="", metavar="ID")
    group.add_argument("--alias", action="append", default=[], metavar="NAME", help="a host name")
    group.add_argument("--certificate", default="", metavar="ARN", help="of the alias")


def storage_of(options: Options) -> S3MediaStorage:
    """Find the storage whose bucket is meant; raises `CommandError` where there is none."""
    storage = find_storage(options)
    if storage is None:
        raise CommandError(
            f"The storage {options['storage'] or 'of media'} has no bucket. Name one by --bucket, "
            'or set STORAGES["media"] to {"BACKEND": "shift_media.storages.S3MediaStorage", '
            '"OPTIONS": {"bucket_name": "…", "public_url": "…"}}.'
        )
    return storage


def find_storage(options: Options) -> S3MediaStorage | None:
    """Find the storage whose bucket is meant, with what the options change; None without S3."""
    bucket, endpoint = options["bucket"], options["endpoint_url"]
    try:
        storage = unwrapped(by_alias(options["storage"]))
    except (InvalidStorageError, ImproperlyConfigured) as error:
        raise CommandError(f"--storage {options['storage']}: {error}") from error
    if not hasattr(storage, "bucket_name"):
        if not bucket:
            return None
        public_url = f"https://{HOST}/"
        return S3MediaStorage(bucket_name=bucket, public_url=public_url, endpoint_url=endpoint)
    other = cast("S3MediaStorage", copy.copy(storage))
    if bucket:
        other.bucket_name = bucket
    if endpoint:
        other.endpoint_url, other._held = endpoint, None
    return other


def setup_of(options: Options, storage: S3MediaStorage | None) -> BucketSetup:
    """Gather what the documents need to know; what nothing tells has a placeholder."""
    try:
        return BucketSetup(
            bucket=storage.bucket_name if storage else BUCKET,
            region=_region(storage),
            app_url=options["app_url"] or f"https://{HOST}{_include()}",
            redirect_code=options["redirect_code"],
            readable=_readable(storage),
            reader=options["reader"],
            distribution_arn=options["distribution"] or _distribution(options, storage),
            upload_origins=options["upload_origin"],
            **_printed(options),
        )
    except ValueError as error:
        raise CommandError(str(error)) from error


def _printed(options: Options) -> dict[str, Any]:
    """Gather what `add_print` adds; the site's own settings where the options say nothing."""
    if "origin" not in options:
        return {}
    given = DistributionParts()
    return {
        "mediaconvert_role": options["role"] or _role(settings.TRANSCODER),
        "topics": options["topic"] or list(settings.SNS_TOPICS),
        "elastic_transcoder": options["elastic_transcoder"],
        "cloudfront_origin": options["origin"],
        "parts": DistributionParts(
            options["access_control_id"] or given.origin_access_control,
            options["cache_policy_id"] or given.cache_policy,
            options["headers_policy_id"] or given.response_headers_policy,
        ),
        "names": Names(options["alias"], options["certificate"]),
    }


def _role(transcoder: dict[str, Any]) -> str:
    """Find the role in the options of MediaConvert, also where it runs in another's stead."""
    told = transcoder.get("OPTIONS", {})
    instead = told.get("instead")
    nested = _role(instead) if isinstance(instead, dict) else ""
    return str(told.get("role", "")) or nested


def _distribution(options: Options, storage: S3MediaStorage | None) -> str:
    """Name the storage's own distribution in the policy of the app, whatever its account is."""
    id = storage.cloudfront_distribution if storage else ""
    named = options.get("what") == "iam-policy" and id
    return f"arn:aws:cloudfront::*:distribution/{id}" if named else ""


def _readable(storage: S3MediaStorage | None) -> Readable:
    return "derived" if storage is not None and storage.originals == "private" else "all"


def _region(storage: S3MediaStorage | None) -> str:
    client: Client = storage.client if storage else None
    return str(client.meta.region_name or "us-east-1") if client else "us-east-1"


def _include() -> str:
    """Tell where the URLs are included in this project."""
    try:
        path: str = reverse("shift_media:resize", kwargs={"key": "-"})
    except NoReverseMatch:
        return "/media/"
    return path.removesuffix("-")
