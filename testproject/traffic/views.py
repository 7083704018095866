"""The views of the panel."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from shift_media.core.errors import MediaError
from shift_media.resizes import service
from shift_media.storages import default_media_storage
from testproject.traffic.log import site_log


@require_safe
@never_cache
def requests(request: HttpRequest) -> JsonResponse:
    """Return the entries after a position in the log, and the next position."""
    after = request.GET.get("after", "")
    entries, position = site_log().read(int(after) if after.isdecimal() else 0)
    return JsonResponse({"entries": entries, "place": position})


@require_POST
def delete(request: HttpRequest) -> HttpResponse:
    """Delete a resize from the bucket, so that the next view makes it again."""
    try:
        key = str(service.verify(request.POST.get("key", "")))
    except MediaError as error:
        return HttpResponse(error.public, status=404)
    default_media_storage.delete(key)
    service.mark_deleted(key)
    site_log().add("you", key, method="DELETE", path=f"/{key}", status=204, ms=0, location="")
    return HttpResponse(status=204)
