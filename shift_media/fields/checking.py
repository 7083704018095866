"""The part of `MediaField` that is about which files it accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from django.core.files.base import File
from django.db import models
from django.db.models.fields.files import FileField

from shift_media.fields.analysis import Analyse, waits_for_task, wanted_at_once
from shift_media.fields.database_key import database_key
from shift_media.fields.file import MediaFile
from shift_media.validators import (
    RULES,
    Extractor,
    FieldValidator,
    FileRules,
    Inspection,
    InvalidMedia,
    NamedFile,
    Rule,
    convert,
    inspect,
    keep_facts,
    refused_if_busy,
    run_rules,
    seekable,
    stored_file,
    strip_metadata,
)


class CheckedFiles(FileField):
    """A ``FileField`` that reads the type and the facts of its files, and refuses some of them."""

    non_db_attrs = (
        *FileField.non_db_attrs,
        "accept",
        "max_bytes",
        "strip",
        "convert",
        "captions",
        *RULES,
    )

    def __init__(
        self,
        *args: Any,
        accept: Sequence[str],
        max_bytes: int | None,
        strip: bool,
        rules: Sequence[Rule],
        keep_metadata: Sequence[str | Extractor] = (),
        convert: Mapping[str, str] | None = None,
        captions: Mapping[str, str] | None = None,
        analyse: Analyse = "save",
        focal: Literal["auto"] | None = None,
        **kwargs: Any,
    ) -> None:
        self.accept = list(accept) if isinstance(accept, tuple | list) else accept
        self.max_bytes = max_bytes
        self.strip = strip
        self.convert = {} if convert is None else convert
        self.captions = {} if captions is None else captions
        self.rules = list(rules) if isinstance(rules, tuple | list) else rules
        self.keep_metadata = (
            list(keep_metadata) if isinstance(keep_metadata, tuple | list) else keep_metadata
        )
        self.analyse = analyse
        self.focal = focal
        self.file_rules = FileRules.take(kwargs)
        super().__init__(*args, **kwargs)

    @property
    def validators(self) -> list[Any]:
        """Validators for a file that is not assigned to a row, as in a serializer."""
        return [*super().validators, FieldValidator(self)]

    @property
    def has_validators(self) -> bool:
        """True if the project has added validators, which may read a file."""
        return bool(self._validators or self.default_validators)  # type: ignore[attr-defined]

    def inspect(self, file: File[Any], name: str | None = None) -> Inspection:
        """Return the type and the metadata of a file.

        Raises `InvalidMedia` for a file that this field does not accept. The functions of
        ``rules`` are not called: see `run_rules`.
        """
        return self.prepare_upload(file, name)[1]

    def prepare_upload(
        self, file: File[Any], name: str | None = None, checksum: bool = True
    ) -> tuple[File[Any], Inspection]:
        """Return the file that is to be stored for an upload, and its inspection.

        Without ``checksum`` the file need not be read to its end. It is the upload itself, with
        ``strip=True`` one without metadata, a converted image, or a sanitized drawing. Raises
        `InvalidMedia` for a file that this field does not accept.
        """
        try:
            inspection = inspect(
                file,
                accept=self.accept,
                max_bytes=self.max_bytes,
                original_name=name,
                rules=self.file_rules,
                checksum=checksum,
                preview=not waits_for_task(self),
            )
            inspection = keep_facts(wanted_at_once(self), file, inspection)
            converted = convert(file, inspection, self.convert)
            if converted is not None:
                return converted
            if self.strip:
                return strip_metadata(file, inspection)
            return stored_file(file, inspection), inspection
        except InvalidMedia as error:
            error.message = self.error_messages.get(str(error.code), error.message)
            raise

    def run_rules(
        self, file: File[Any], inspection: Inspection, instance: models.Model | None
    ) -> None:
        """Call the functions of ``rules`` with the inspection of a file that is to be stored.

        Raises `InvalidMedia` if one of them raises ``ValidationError``.
        """
        run_rules(self.rules, file, inspection, instance)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Raise `InvalidMedia` in ``full_clean()`` for a file that saving would refuse."""
        if getattr(value, "old_file", None) is not None:
            return  # It is not empty to its users. There is no file of its own to inspect.
        super().validate(value, model_instance)
        if isinstance(value, MediaFile) and value and not value._committed:
            value.file = seekable(value.file, self.max_bytes)
            with refused_if_busy():
                prepared = self.prepare_upload(value.file, value.name)
            self.run_rules(*prepared, model_instance)

    def run_validators(self, value: Any) -> None:
        """Run the project's validators, unless the row in the database has the file already.

        A file that is stored, but not in the database, is passed to them under the client's name,
        because its key has another name and may have another extension.
        """
        if isinstance(value, MediaFile) and value and value._committed:
            if database_key(value.instance, value.field) == value.name:
                return
            known = value.known_metadata
            if known and known.original_name and not value.is_legacy:
                value = NamedFile(value, known.original_name)
        super().run_validators(value)
