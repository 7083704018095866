"""The settings of direct uploads."""

from __future__ import annotations

from functools import cached_property

from shift_media.conf.reader import SettingsReader, wrong_value


class UploadSettings(SettingsReader):
    """The part of `Settings` that direct uploads read."""

    @cached_property
    def UPLOADS(self) -> dict[str, str]:
        """Fields that take direct uploads, and for each the rule that decides who may upload.

        ``{"gallery.Photo.image": "shift_media.direct.may_add"}``: a rule is the dotted path of a
        function of the request and the field. This one permits users who may add rows of the
        model. Default: none.
        """
        wanted = 'a dict such as {"gallery.Photo.image": "shift_media.direct.may_add"}'
        given = self._typed("UPLOADS", {}, dict, wanted)
        for label, rule in given.items():
            dotted = isinstance(rule, str) and "." in rule
            if not isinstance(label, str) or label.count(".") != 2 or not dotted:
                raise wrong_value("UPLOADS", given, wanted)
        return given

    @cached_property
    def UPLOAD_ORIGINS(self) -> tuple[str, ...]:
        """Origins of pages that upload into the bucket, ``["https://www.example.com"]``.

        ``media_bucket`` allows them in the bucket's CORS rules, unless ``--upload-origin`` names
        others. Default: none.
        """
        origins = self._raw.get("UPLOAD_ORIGINS", ())
        right = isinstance(origins, list | tuple) and all(isinstance(one, str) for one in origins)
        if not right:
            wanted = 'a list of origins, such as ["https://www.example.com"]'
            raise wrong_value("UPLOAD_ORIGINS", origins, wanted)
        return tuple(origins)

    @cached_property
    def UPLOAD_AUTHENTICATION(self) -> str | None:
        """Dotted path of a function that returns the user of a token, or None. Default: None.

        ``"shift_media.contrib.rest_framework.user_of_token"`` asks the authentication classes of
        Django REST framework. The function takes the request, and returns None if it contains no
        token: then the user is that of the session, and the request needs a CSRF token. So does
        a page's request whose credentials a browser sends by itself, such as a Basic password.
        """
        return self._dotted_path("UPLOAD_AUTHENTICATION", "mysite.tokens.user_of_token")

    @cached_property
    def UPLOAD_QUOTA(self) -> str | None:
        """Dotted path of a function that refuses uploads over a quota, or None. Default: None.

        It takes the request, and the bytes and the number of the files that its user may upload if
        it agrees: this one and those of the user's tickets that are not used yet. It raises
        ``shift_media.direct.QuotaExceeded`` to refuse.
        """
        return self._dotted_path("UPLOAD_QUOTA", "mysite.quotas.check")
