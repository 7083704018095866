"""Putting our rules among those that a bucket has: others' are kept, ours take their places.

A document is JSON as the API gives it; None is a bucket without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shift_media.aws.policies import BUCKET_SIDS, VERSION
from shift_media.aws.website import MISSING

Document = dict[str, Any]


class Conflict(ValueError):
    """Somebody else's rule stands where ours must."""


def merge_policy(current: Document | None, wanted: Document) -> Document:
    """Replace our statements, which their Sids tell, and keep the others with what is around."""
    if current is None:
        return wanted
    others = [s for s in listed(current.get("Statement")) if s.get("Sid") not in BUCKET_SIDS]
    return {"Version": VERSION, **current, "Statement": [*others, *wanted["Statement"]]}


def merge_rules(
    current: Document | None, wanted: Document, member: str, ids: Sequence[str]
) -> Document:
    """Replace the rules that are ours by their IDs, and keep the others.

    ``member`` names the list: ``"CORSRules"`` or ``"Rules"``.
    """
    if current is None:
        return wanted
    others = [rule for rule in current.get(member, []) if rule.get("ID") not in ids]
    return {**current, member: [*others, *wanted[member]]}


def merge_website(
    current: Document | None, wanted: Document, *, replacing: bool = False
) -> Document:
    """Put our routing rules after those for other keys, and keep the index and error documents.

    Rules have no names. One that redirects every missing key to our own host is ours of earlier;
    one that sends them elsewhere, or redirects everything, stands in our place.

    Raises `Conflict` in that case, unless it is to be replaced.
    """
    if current is None:
        return wanted
    host = wanted["RoutingRules"][0]["Redirect"]["HostName"]
    rules = current.get("RoutingRules", [])
    others = [rule for rule in rules if not _is_ours(rule, host)]
    rivals = [rule for rule in others if _is_rival(rule)]
    everything = current.get("RedirectAllRequestsTo")
    if (rivals or everything) and not replacing:
        raise Conflict(_conflict(rivals[0] if rivals else {"RedirectAllRequestsTo": everything}))
    kept = {n: v for n, v in current.items() if n not in ("RoutingRules", "RedirectAllRequestsTo")}
    others = [rule for rule in others if rule not in rivals]
    return {**wanted, **kept, "RoutingRules": [*others, *wanted["RoutingRules"]]}


def _is_missing_rule(rule: Document) -> bool:
    condition = rule.get("Condition", {})
    prefix = condition.get("KeyPrefixEquals", "")
    return condition.get("HttpErrorCodeReturnedEquals") in MISSING and not prefix


def _is_ours(rule: Document, host: str) -> bool:
    return _is_missing_rule(rule) and rule.get("Redirect", {}).get("HostName") == host


def _is_rival(rule: Document) -> bool:
    """Tell whether a rule takes what is missing before ours can."""
    return _is_missing_rule(rule) or not any(rule.get("Condition", {}).values())


def _conflict(rival: Document) -> str:
    return (
        f"The bucket's website has a rule of somebody else's where ours must stand: {rival}. "
        "It is kept unless --replace-rules says that it may go."
    )


def listed(value: Any) -> list[Any]:
    """Make a list of what the policy language also takes as one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


_SINGULAR = frozenset(("Action", "NotAction", "Resource", "NotResource"))


def normal(document: Any) -> Any:
    """Write a document in the one way in which two that mean the same are equal.

    Servers turn lists of one into the one, sort names and lifecycle rules, whose order means
    nothing, and write the empty filter of such a rule in its older form.
    """
    if isinstance(document, list):
        items = [normal(item) for item in document]
        if all(isinstance(item, dict) and {"ID", "Status"} <= item.keys() for item in items):
            return sorted(items, key=lambda rule: str(rule["ID"]))
        plain = all(isinstance(item, (str, int)) for item in items)
        return sorted(set(items), key=str) if plain else items
    if not isinstance(document, dict):
        return document
    made = {n: normal(listed(v) if n in _SINGULAR else v) for n, v in document.items()}
    if "Status" in made and "Prefix" in made:
        made["Filter"] = {"Prefix": made.pop("Prefix")}
    return made
