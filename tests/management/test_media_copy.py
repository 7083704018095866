"""``media_copy`` between disk, memory and S3: what is copied, verified, resumed and deleted."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from shift_media.core.keys import OriginalKey
from shift_media.deletion.site_marker import claim
from shift_media.management.commands.media_copy import Command
from shift_media.storages import LocalMediaStorage, MediaStorage
from shift_media.storages.transfer import Transfer
from shift_media.storages.transfer_outcomes import CopyState, TransferOptions
from shift_media.testing.steps import fetch_bytes, list_keys, new_key
from tests.fields.material import picture
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import client_of, new_bucket, storage_options
from tests.servers.seaweedfs import SeaweedFS
from tests.testapp.models import Photo

pytestmark = pytest.mark.django_db

NAME = "Übersicht 2026.pdf"
PLAYLIST = "application/vnd.apple.mpegurl"


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[MediaStorage, MediaStorage]]:
    """Configure two folders as the storages old and new; yield them."""
    folders = {
        name: {
            "BACKEND": "shift_media.storages.LocalMediaStorage",
            "OPTIONS": {"location": str(tmp_path / name), "base_url": "/m/", "fsync": False},
        }
        for name in ("old", "new")
    }
    with override_settings(STORAGES={**settings.STORAGES, **folders}):
        yield storages["old"], storages["new"]  # type: ignore[misc]


@pytest.fixture
def s3_options(seaweedfs: SeaweedFS) -> dict[str, Any]:
    return storage_options(seaweedfs, new_bucket(seaweedfs))


def s3_at(options: dict[str, Any], name: str, **more: Any) -> Any:
    """Return a context in which a bucket is the storage with a name."""
    backend = "shift_media.storages.S3MediaStorage"
    storage = {"BACKEND": backend, "OPTIONS": {**options, **more}}
    return override_settings(STORAGES={**settings.STORAGES, name: storage})


def fill(storage: MediaStorage) -> tuple[OriginalKey, OriginalKey, OriginalKey]:
    """Store an image, a document and a video with everything that may be beside them."""
    image, document, video = new_key(), new_key("pdf"), new_key("mp4")
    for key, content in ((image, b"image"), (video, b"video")):
        storage.put(str(key), io.BytesIO(content), content_type="image/jpeg")
    storage.put_original(
        str(document), io.BytesIO(b"doc"), content_type="application/pdf", download_name=NAME
    )
    for key, name, content in (
        (image, f"320x-fit-80-noupscale-{'0' * 32}.webp", b"resize"),
        (image, "_m/2048.jpg", b"mezzanine"),
        (video, "_poster.jpg", b"poster"),
        (video, "_web/0a1b/hls.m3u8", b"#EXTM3U"),
    ):
        storage.put(key.prefix + name, io.BytesIO(content), content_type="image/jpeg")
    storage.save("docs/plain.txt", ContentFile(b"of another field"))
    return image, document, video


def run(*options: str, source: str = "old", target: str = "new") -> str:
    out = io.StringIO()
    arguments = ["--from", source, "--to", target, *options]
    call_command("media_copy", *arguments, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


def test_originals_renditions_and_names_are_copied_and_the_rest_is_left(
    disks: tuple[MediaStorage, MediaStorage],
) -> None:
    old, new = disks
    image, document, video = fill(old)
    printed = run()
    wanted = [str(image), str(document), f"{document.prefix}_name"]
    wanted += [str(video), f"{video.prefix}_poster.jpg", f"{video.prefix}_web/0a1b/hls.m3u8"]
    assert list_keys(new, "") == sorted(wanted)
    for key in wanted:
        assert fetch_bytes(new, key) == fetch_bytes(old, key)
    assert "6 files: " in printed
    assert "0 failed." in printed
    assert len(list_keys(old, "")) == 9


def test_second_run_copies_nothing_and_resizes_are_copied_on_request(
    disks: tuple[MediaStorage, MediaStorage],
) -> None:
    old, new = disks
    image, *_ = fill(old)
    run()
    assert "0 copied, 6 (" in run()
    assert "1 (6 bytes) copied, 6 (" in run("--resizes")
    assert f"{image.prefix}320x-fit-80-noupscale-{'0' * 32}.webp" in list_keys(new, "")


def test_verbosity_0_prints_failures_alone(disks: tuple[MediaStorage, MediaStorage]) -> None:
    old, new = disks
    image, *_ = fill(old)
    new.put(str(image), io.BytesIO(b"longer than it"), content_type="image/jpeg")
    out, err = io.StringIO(), io.StringIO()
    arguments = ["--from", "old", "--to", "new"]
    with pytest.raises(CommandError):
        call_command("media_copy", *arguments, stdout=out, stderr=err, verbosity=0)
    assert out.getvalue() == ""
    assert err.getvalue().startswith(f"{image}: differs: ")
    assert err.getvalue().count("\n") == 1


def test_dry_run_counts_and_changes_nothing(disks: tuple[MediaStorage, MediaStorage]) -> None:
    fill(disks[0])
    assert "would be copied" in run("--dry-run", "--delete-source")
    assert list_keys(disks[1], "") == []
    assert len(list_keys(disks[0], "")) == 9


@pytest.mark.s3
def test_copy_to_s3_and_back_keeps_types_names_and_bytes(
    disks: tuple[MediaStorage, MediaStorage], s3_options: dict[str, Any], seaweedfs: SeaweedFS
) -> None:
    old, new = disks
    image, document, video = fill(old)
    with s3_at(s3_options, "cloud", location="shop"):
        run(target="cloud")
        client = client_of(seaweedfs)

        def head(key: str) -> dict[str, Any]:
            place = {"Bucket": s3_options["bucket_name"], "Key": f"shop/{key}"}
            return dict(client.head_object(**place))  # type: ignore[arg-type]

        assert head(str(image))["ContentType"] == "image/jpeg"
        assert head(f"{video.prefix}_web/0a1b/hls.m3u8")["ContentType"] == PLAYLIST
        assert (
            "filename*=UTF-8''%C3%9Cbersicht%202026.pdf"
            in head(str(document))["ContentDisposition"]
        )
        assert len(list_keys(storages["cloud"], "")) == 5  # type: ignore[arg-type]
        run(source="cloud", target="new")
    assert new.read_download_name(str(document)) == NAME
    assert fetch_bytes(new, str(video)) == b"video"
    assert len(list_keys(new, "")) == 6


@pytest.mark.s3
def test_copy_inside_one_server_fetches_nothing(
    seaweedfs: SeaweedFS, bucket: str, faults: FaultProxy
) -> None:
    options = storage_options(seaweedfs, bucket, faults.endpoint)
    with s3_at(options, "old", location="a"), s3_at(options, "new", location="b"):
        image, *_ = fill(storages["old"])  # type: ignore[arg-type]
        faults.clear()
        assert "5 files: 5 (" in run()
        fetched = [r for r in faults.requests if r.method == "GET" and "list-type" not in r.query]
        assert fetched == []
        assert fetch_bytes(storages["new"], str(image)) == b"image"  # type: ignore[arg-type]


def test_row_reads_its_file_from_the_new_storage(tmp_path: Path) -> None:
    def configured(first: str, second: str) -> Any:
        named = {"media": first, "other": second}
        options = {
            alias: {
                "BACKEND": "shift_media.storages.LocalMediaStorage",
                "OPTIONS": {"location": str(tmp_path / folder), "base_url": "/media/"},
            }
            for alias, folder in named.items()
        }
        return override_settings(STORAGES={**settings.STORAGES, **options})

    with configured("old", "new"):
        Photo.objects.create(image=ContentFile(picture(), "a.jpg"))
        with pytest.raises(CommandError, match=r"testapp\.Photo\.image.*restart the site"):
            run("--delete-source", source="media", target="other")
        run(source="media", target="other")
    with configured("new", "old"):
        printed = run("--delete-source", source="other", target="media")
        assert "Deleted from the source: 1 original; 0 stay." in printed
        assert list_keys(storages["other"], "") == []  # type: ignore[arg-type]
        with Photo.objects.get().image.open() as file:
            assert file.read() == picture()


def test_source_that_fields_use_under_another_alias_is_not_deleted(tmp_path: Path) -> None:
    def local(folder: str, url: str) -> Any:
        options = {"location": str(tmp_path / folder), "base_url": url}
        return {"BACKEND": "shift_media.storages.LocalMediaStorage", "OPTIONS": options}

    given = {
        "media": local("one", "/media/"),
        "same": local("one", "https://cdn.example/media/"),
        "other": local("two", "/media/"),
    }
    with override_settings(STORAGES={**settings.STORAGES, **given}):
        photo = Photo.objects.create(image=ContentFile(picture(), "a.jpg"))
        with pytest.raises(CommandError, match=r"testapp\.Photo\.image.*the site's media storage"):
            run("--delete-source", source="same", target="other")
        assert list_keys(storages["media"], "") == [photo.image.name]  # type: ignore[arg-type]


# Verification


def test_file_that_differs_in_the_target_is_reported_and_kept(
    disks: tuple[MediaStorage, MediaStorage],
) -> None:
    old, new = disks
    image, document, _ = fill(old)
    new.put(str(image), io.BytesIO(b"longer than it"), content_type="image/jpeg")
    new.put(str(document), io.BytesIO(b"DOC"), content_type="application/pdf")
    with pytest.raises(CommandError, match=r"Failed: 1 differs\.") as failed:
        run()
    assert failed.value.returncode == 1
    with pytest.raises(CommandError, match=r"Failed: 2 differs\."):
        run("--verify")
    assert fetch_bytes(new, str(image)) == b"longer than it"


class _Corrupting(LocalMediaStorage):
    """A storage that stores other bytes than it is sent."""

    def put_original(self, key: str, content: Any, **options: Any) -> bool:
        return super().put_original(key, io.BytesIO(content.read(1000)[::-1]), **options)

    def begin_copy(self, source: Any, name: str, *, link: bool = False) -> None:
        return None


def test_copy_with_other_bytes_is_removed_and_reported(
    disks: tuple[MediaStorage, MediaStorage], tmp_path: Path
) -> None:
    fill(disks[0])
    target = _Corrupting(tmp_path / "bad", base_url="/m/")
    found = [file for one in Transfer(disks[0], target, TransferOptions()).outcomes()
             for file in one.files]  # fmt: skip
    found = [file for file in found if not file.key.endswith("_name")]
    assert {(file.state, file.code) for file in found} == {(CopyState.FAILED, "differs")}
    assert [key for key in list_keys(target, "") if not key.endswith("_name")] == []
    assert len(found) == 5


def test_source_is_deleted_with_what_can_be_made_again_only(
    disks: tuple[MediaStorage, MediaStorage],
) -> None:
    old, new = disks
    image, document, video = fill(old)
    old.put(f"{video.prefix}unknown.txt", io.BytesIO(b"?"), content_type="text/plain")
    new.put(str(document), io.BytesIO(b"DOC"), content_type="application/pdf")
    with pytest.raises(CommandError, match=r"1 differs"):
        run("--delete-source")
    assert list_keys(old, image.prefix) == []
    assert len(list_keys(old, document.prefix)) == 2, "it is not the same in the target"
    assert len(list_keys(old, video.prefix)) == 4, "a file would be lost"
    assert list_keys(new, image.prefix) == [str(image)]
    assert old.exists("docs/plain.txt")


def test_two_names_of_one_folder_are_refused(
    disks: tuple[MediaStorage, MediaStorage], tmp_path: Path
) -> None:
    old, _ = disks
    fill(old)
    (tmp_path / "link").symlink_to(tmp_path / "old")
    same = {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": str(tmp_path / "link"), "base_url": "/other/"},
    }
    with override_settings(STORAGES={**settings.STORAGES, "new": same}):
        for options in ([], ["--delete-source"]):
            with pytest.raises(CommandError, match="are one storage") as refused:
                run(*options)
            assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="are one storage"):
        run(target="old")
    assert len(list_keys(old, "")) == 9


# Resuming


def test_interrupted_run_ends_in_order_and_the_next_one_goes_on(
    disks: tuple[MediaStorage, MediaStorage],
) -> None:
    old, new = disks
    for _ in range(40):
        old.put(str(new_key()), io.BytesIO(b"x"), content_type="image/jpeg")
    stop = threading.Event()
    transfer = Transfer(old, new, TransferOptions(workers=1), stop)
    outcomes = transfer.outcomes()
    next(outcomes)
    stop.set()
    done = 1 + len(list(outcomes))
    assert 0 < done < 40
    assert len(list_keys(new, "")) == done
    assert f"{40 - done} (" in run()
    assert list_keys(new, "") == list_keys(old, "")


@pytest.mark.parametrize("step", [1, 2, 4])
def test_killed_run_leaves_whole_files_and_the_next_one_goes_on(
    disks: tuple[MediaStorage, MediaStorage], step: int
) -> None:
    old, new = disks
    fill(old)
    before = list_keys(old, "")
    connection.close()
    pid = os.fork()
    if not pid:  # the child, which is killed between writing a file and reading it back
        calls: list[str] = []
        written = LocalMediaStorage.put_original

        def put(self: Any, key: str, *arguments: Any, **named: Any) -> bool:
            result = written(self, key, *arguments, **named)
            calls.append(key)
            if len(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        LocalMediaStorage.put_original = put  # type: ignore[method-assign]
        try:
            run("--workers", "1")
        finally:
            os._exit(3)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert 0 < len(list_keys(new, "")) < 6
    run("--verify")
    assert len(list_keys(new, "")) == 6
    assert list_keys(old, "") == before


def test_failing_target_ends_the_run_and_is_reported(
    disks: tuple[MediaStorage, MediaStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(60):
        disks[0].put(str(new_key()), io.BytesIO(b"x"), content_type="image/jpeg")

    def full(*arguments: Any, **options: Any) -> bool:
        raise OSError("No space left on device")

    monkeypatch.setattr(LocalMediaStorage, "put_original", full)
    with pytest.raises(CommandError, match="one after another"):
        run("--workers", "1")


# Refusals


def test_target_of_another_site_is_refused(disks: tuple[MediaStorage, MediaStorage]) -> None:
    fill(disks[0])
    claim(disks[1], "another.example")
    with pytest.raises(CommandError, match=r"another\.example.*Nothing was copied"):
        run()
    assert list_keys(disks[1], "") == ["shift-media-site"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"source": "nothing"}, "--from nothing"),
        ({"target": "staticfiles"}, "--to staticfiles is not a media storage"),
    ],
)
def test_wrong_alias_is_refused(
    disks: tuple[MediaStorage, MediaStorage], options: dict[str, str], says: str
) -> None:
    with pytest.raises(CommandError, match=says) as refused:
        run(**options)
    assert refused.value.returncode == 2


def test_number_of_workers_is_limited(disks: tuple[MediaStorage, MediaStorage]) -> None:
    with pytest.raises(CommandError, match="from 1 to 64"):
        run("--workers", "0")


def test_help_says_what_is_copied() -> None:
    assert "originals, renditions" in Command.help
