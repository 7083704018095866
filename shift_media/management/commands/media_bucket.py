"""Set up the bucket of the media storage: ``manage.py media_bucket create|apply``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.core.files.storage import InvalidStorageError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from shift_media.aws.policies import Readable, public_read_policy
from shift_media.aws.website import REDIRECT_CODES, website_configuration
from shift_media.storages import S3MediaStorage, by_alias
from shift_media.storages.base import MediaStorage

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class Command(BaseCommand):
    """Create the bucket, and apply the website rules and the policy that the redirect needs."""

    help = (
        "create makes the bucket of the media storage unless it is there; apply gives it its "
        "website rules (--website) and its policy (--policy). Both can be run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions and their options."""
        parser.add_argument("action", choices=("create", "apply"))
        parser.add_argument(
            "--website",
            action="store_true",
            help="rules that redirect what is missing (404 and 403) to the app; needs --app-url",
        )
        parser.add_argument(
            "--policy",
            action="store_true",
            help="anybody may read media, and nobody list them; originals only where the "
            'storage has originals="public"',
        )
        parser.add_argument(
            "--app-url",
            metavar="URL",
            help="where shift_media.urls is included: https://www.example.com/media/",
        )
        parser.add_argument(
            "--redirect-code",
            choices=REDIRECT_CODES,
            default=REDIRECT_CODES[0],
            help="status of the bucket's redirect; default: %(default)s",
        )
        parser.add_argument(
            "--storage", default="", help="alias in STORAGES; without it the site's media storage"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print what would be sent, and send nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        storage = _storage(options["storage"])
        if options["action"] == "create":
            self._create(storage, options["dry_run"])
            return
        steps = self._steps(storage, options)
        if not steps:
            raise CommandError("Say what to apply: --website, --policy, or both.")
        for name, document, send in steps:
            if options["dry_run"]:
                self.stdout.write(f"{name} of {storage.bucket_name}:")
                self.stdout.write(json.dumps(document, indent=2))
                continue
            _sent(send, f"{name} of {storage.bucket_name}")
            self.stdout.write(self.style.SUCCESS(f"{name} of {storage.bucket_name}: applied."))

    def _create(self, storage: S3MediaStorage, dry_run: bool) -> None:
        name = storage.bucket_name
        if _exists(storage.client, name):
            self.stdout.write(f"Bucket {name} is there already.")
            return
        if dry_run:
            self.stdout.write(f"Bucket {name} would be created.")
            return
        parameters: dict[str, Any] = {"Bucket": name}
        region = storage.client.meta.region_name
        if region != "us-east-1":  # The one region that must not be named.
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
        _sent(lambda: storage.client.create_bucket(**parameters), f"Creating {name}")
        self.stdout.write(self.style.SUCCESS(f"Bucket {name}: created."))

    def _steps(
        self, storage: S3MediaStorage, options: dict[str, Any]
    ) -> list[tuple[str, dict[str, Any], Callable[[], Any]]]:
        client, bucket = storage.client, storage.bucket_name
        steps: list[tuple[str, dict[str, Any], Callable[[], Any]]] = []
        if options["policy"]:
            readable: Readable = "all" if storage.originals == "public" else "derived"
            policy = public_read_policy(bucket, readable)
            text = json.dumps(policy)
            steps.append(
                ("Policy", policy, lambda: client.put_bucket_policy(Bucket=bucket, Policy=text))
            )
        if options["website"]:
            website = _website(options["app_url"], options["redirect_code"])
            steps.append(
                (
                    "Website rules",
                    website,
                    lambda: client.put_bucket_website(
                        Bucket=bucket, WebsiteConfiguration=cast("Any", website)
                    ),
                )
            )
        return steps


def _storage(alias: str) -> S3MediaStorage:
    try:
        storage = by_alias(alias)
    except InvalidStorageError as error:
        raise CommandError(f"--storage {alias}: {error}") from error
    if not isinstance(storage, MediaStorage) or not hasattr(storage, "bucket_name"):
        raise CommandError(
            f"The storage {alias or 'of media'} is {storage.__class__.__name__}, which has no "
            'bucket. Set STORAGES["media"] to {"BACKEND": "shift_media.storages.S3MediaStorage", '
            '"OPTIONS": {"bucket_name": "…", "public_url": "…"}}.'
        )
    return cast("S3MediaStorage", storage)


def _website(app_url: str | None, code: str) -> dict[str, Any]:
    if not app_url:
        raise CommandError("--website needs --app-url, such as https://www.example.com/media/")
    try:
        return website_configuration(app_url, code)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _exists(client: S3Client, bucket: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return False
        raise CommandError(
            f"Bucket {bucket} answers {status}: it belongs to somebody else, or the access key "
            "may not see it. Bucket names are shared by all of S3: choose another name, or give "
            "the key s3:ListBucket on this one."
        ) from error
    return True


def _sent(send: Callable[[], Any], what: str) -> None:
    """Send a request, and explain a refusal."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        send()
    except ClientError as error:
        hint = ""
        if error.response["Error"]["Code"] in ("AccessDenied", "403"):
            hint = (
                " New buckets block public policies: turn BlockPublicPolicy and "
                "RestrictPublicBuckets off first, and check that the access key may do this."
            )
        raise CommandError(f"{what} was refused: {error}.{hint}") from error
    except BotoCoreError as error:
        raise CommandError(f"{what} failed: {error}") from error
