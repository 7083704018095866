"""The area above a list where files are dropped, each of which becomes a row."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, router, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import View

from shift_media.admin.columns import thumbnail
from shift_media.admin.shown_files import fields_of, is_edited
from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.validators import size_text
from shift_media.widgets import MediaInput


def drop_area(model_admin: Any, request: HttpRequest) -> dict[str, Any] | None:
    """Return what the template of the area needs; None if there is none for this user."""
    field = drop_field_of(model_admin, request)
    if field is None or not model_admin.has_add_permission(request):
        return None
    meta = model_admin.opts
    name = f"{model_admin.admin_site.name}:{meta.app_label}_{meta.model_name}_media_drop"
    attributes = field.formfield().widget.attrs
    label = upload_label(field)
    upload = {"field": label, "parts": settings.UPLOAD_PARTS_ABOVE} if label else None
    return {
        "upload": upload,
        "url": reverse(name),
        "accept": attributes.get("accept", ""),
        "max_bytes": field.max_bytes,
        "limit": size_text(field.max_bytes) if field.max_bytes else "",
        "plural": meta.verbose_name_plural,
    }


def upload_label(field: Any) -> str:
    """Return the label of a field that takes direct uploads; ``""`` for others."""
    label = f"{field.model._meta.label_lower}.{field.name}"
    return label if label in {name.lower() for name in settings.UPLOADS} else ""


def drop_field_of(model_admin: Any, request: HttpRequest) -> Any:
    """Return the field for dropped files, or None.

    By default it is the only media field of a model whose rows need no other value, unless the
    form of a new row leaves the field out, or only shows it.
    """
    fields = {field.name: field for field in fields_of(model_admin.model)}
    named = model_admin.drop_field
    if named is not None:
        return fields.get(named)
    if len(fields) != 1:
        return None
    (field,) = fields.values()
    if not is_edited(model_admin, request, field):
        return None
    return None if any(map(_is_needed, _others(model_admin.model, field))) else field


def _others(model: type[models.Model], field: Any) -> list[Any]:
    described = {field.name, *field.metadata_columns}
    return [each for each in model._meta.concrete_fields if each.name not in described]


def _is_needed(field: Any) -> bool:
    """Return True for a column that an editor must fill in."""
    is_filled = field.primary_key or field.has_default() or field.has_db_default()
    return not (is_filled or field.blank or field.null or not field.editable)


class DropView(View):
    """Adds a row for each file that is posted as ``file``, or for its ticket; no GET."""

    model_admin: Any = None
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Add the rows; answer with JSON for the script, else by a redirect to the list."""
        field = drop_field_of(self.model_admin, request)
        if field is None:
            raise Http404("Files cannot be dropped into this list.")
        if not self.model_admin.has_add_permission(request):
            raise PermissionDenied
        added, errors = [], []
        sent = MediaInput(multiple=True).value_from_datadict(request.POST, request.FILES, "file")
        for file in sent:
            try:
                added.append(self._add(request, field, file))
            except (MediaError, ValidationError) as error:
                name = str(file.name or _("File")).rpartition("/")[2]
                errors.append(f"{name}: {_sentence(error)}")
        if request.headers.get("X-Requested-With") == "fetch":
            shown = [self._row(row, field) for row in added]
            return JsonResponse({"added": shown, "errors": errors}, status=200 if added else 400)
        self._say(request, len(added), errors)
        meta = self.model_admin.opts
        name = f"{self.model_admin.admin_site.name}:{meta.app_label}_{meta.model_name}_changelist"
        return HttpResponseRedirect(reverse(name))

    def _add(self, request: HttpRequest, field: Any, file: Any) -> Any:
        """Add one row, or nothing; the project's ``save_model`` is called as for a form."""
        row = self.model_admin.model()
        setattr(row, field.name, file)
        row.full_clean()
        with transaction.atomic(using=router.db_for_write(type(row), instance=row)):
            self.model_admin.save_model(request, row, None, change=False)
            self.model_admin.log_addition(request, row, [{"added": {}}])
        return row

    def _row(self, row: Any, field: Any) -> dict[str, str]:
        meta = self.model_admin.opts
        name = f"{self.model_admin.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        file = getattr(row, field.name)
        return {
            "name": str(row),
            "url": reverse(name, args=[quote(row.pk)]),
            "thumbnail": thumbnail(file),
        }

    def _say(self, request: HttpRequest, added: int, errors: list[str]) -> None:
        if added:
            text = ngettext("%d file was added.", "%d files were added.", added) % added
            self.model_admin.message_user(request, text, messages.SUCCESS)
        for error in errors:
            self.model_admin.message_user(request, error, messages.ERROR)
        if not added and not errors:
            self.model_admin.message_user(request, _("Choose a file first."), messages.WARNING)


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    return str(getattr(error, "public", error))
