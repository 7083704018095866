"""Wrong uses of the mixin, which are refused with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured

from shift_media.admin import MediaAdmin
from tests.testapp.models import Pair


def made(**attributes: Any) -> Any:
    kind = type("PairAdmin", (MediaAdmin, admin.ModelAdmin), attributes)
    return kind(Pair, admin.site)


def test_mixin_behind_model_admin_is_refused() -> None:
    with pytest.raises(TypeError, match=r"class PairAdmin\(MediaAdmin, ModelAdmin\)"):
        type("PairAdmin", (admin.ModelAdmin, MediaAdmin), {})


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"drop_field": "lefft"}, "drop_field is 'lefft': did you mean \"left\""),
        ({"media_actions": ["make_resize"]}, 'did you mean "make_resizes"'),
        ({"crop_ratios": ["4/3"]}, "PairAdmin.crop_ratios: '4/3' is not a ratio"),
    ],
)
def test_wrong_attribute_is_refused_with_the_right_one(
    attributes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        made(**attributes)


def test_chosen_actions_come_behind_those_of_the_project() -> None:
    own = made(media_actions=["strip_metadata"], actions=["delete_selected"])
    assert [getattr(each, "__name__", each) for each in own.actions] == [
        "delete_selected",
        "strip_metadata",
    ]


def test_field_that_is_edited_in_the_list_keeps_its_input(rf: Any) -> None:
    own = made(list_display=["__str__", "left", "right"], list_editable=["left"])
    shown = own.get_list_display(rf.get("/"))
    assert shown[:2] == ["__str__", "left"]
    assert callable(shown[2])
