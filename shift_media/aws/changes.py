"""Changes to a bucket's configuration: merge our rules into it, and report what they open up.

Rules of other tools, and of other sites with other prefixes in the bucket, are kept, and ours are
replaced. A document is JSON as the API returns it; None
stands for a bucket that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from shift_media.aws import cors
from shift_media.aws.policies import BUCKET_SIDS, PUBLIC_POLICY_BLOCKS, VERSION
from shift_media.aws.prefixes import camel_ending
from shift_media.aws.website import MISSING_STATUSES

Document = dict[str, Any]
Grant = tuple[str, str, str]
"""A principal, an action and a resource."""


class RuleConflict(ValueError):
    """A rule of another tool takes effect before ours can."""


# Merging


def merge_policy(current: Document | None, wanted: Document, prefix: str = "") -> Document:
    """Replace our statements, which have known Sids, and keep everything else."""
    if current is None:
        return wanted
    ours = [f"{sid}{camel_ending(prefix)}" for sid in BUCKET_SIDS]
    statements = as_list(current.get("Statement"))
    merged = _replace(statements, lambda s: s.get("Sid") in ours, wanted["Statement"])
    return {"Version": VERSION, **current, "Statement": merged}


def merge_cors(current: Document | None, wanted: Document, prefix: str = "") -> Document:
    """Replace our rules; the one for reading comes last, because it holds for all origins.

    A rule for uploads stays if none is wanted: pages could not upload without it, and the command
    may have been called without their origins. The rule of a private site replaces the one for all
    origins, unless other sites in the bucket need that.
    """
    if current is None:
        return wanted
    read, upload = cors.rule_ids(prefix)
    *uploads, reading = wanted["CORSRules"]
    replaced = {reading["ID"]} if reading["ID"] != read and prefix else {reading["ID"], read}
    others = [rule for rule in current.get("CORSRules", []) if rule.get("ID") not in replaced]
    merged = others
    if uploads:
        merged = _replace(others, lambda rule: rule.get("ID") == upload, uploads)
    shared = [rule for rule in merged if rule.get("ID") == read]
    own = [rule for rule in merged if rule.get("ID") != read]
    return {**current, "CORSRules": [*own, reading, *shared]}


def merge_lifecycle(current: Document | None, wanted: Document, prefix: str = "") -> Document:
    """Replace the wanted rules, and keep the others: one of ours that is not wanted now, too.

    Versions that a bucket does not remove any more could not be noticed from the command.
    """
    if current is None:
        return wanted
    ids = [rule["ID"] for rule in wanted["Rules"]]
    rules = current.get("Rules", [])
    return {
        **current,
        "Rules": _replace(rules, lambda rule: rule.get("ID") in ids, wanted["Rules"]),
    }


def _replace(
    items: Sequence[Document],
    is_ours: Callable[[Document], bool],
    wanted: Sequence[Document],
    most: int | None = None,
) -> list[Document]:
    """Replace our items, where the first of them is, or else at the end.

    They stay at their place, because another site in the bucket compares the whole document too.
    ``most`` is how many of the other items may stand before them.
    """
    others = [item for item in items if not is_ours(item)]
    before = list(takewhile(lambda item: not is_ours(item), items))
    place = len(others) if most is None else min(most, len(others))
    if len(before) < len(items):
        place = min(place, len(before))
    return [*others[:place], *wanted, *others[place:]]


def merge_website(
    current: Document | None,
    wanted: Document,
    prefix: str = "",
    *,
    replace_conflicts: bool = False,
) -> Document:
    """Replace our routing rules, and keep the others, and the index and error documents.

    Routing rules have no IDs. A rule that redirects every missing key with our prefix to the
    app's host counts as ours. One that redirects them to another host, or everything, is in
    conflict with ours, because S3 applies the first rule that matches. For the same reason ours
    come before a rule that has a shorter prefix, or none.

    Raises `RuleConflict` in that case, unless ``replace_conflicts`` drops such rules.
    """
    if current is None:
        return wanted
    host = wanted["RoutingRules"][0]["Redirect"]["HostName"]
    rules = current.get("RoutingRules", [])
    others = [rule for rule in rules if not _is_ours(rule, host, prefix)]
    conflicts = [rule for rule in others if _is_conflict(rule, prefix)]
    everything = current.get("RedirectAllRequestsTo")
    if (conflicts or everything) and not replace_conflicts:
        redirect = everything or conflicts[0].get("Redirect", {})
        raise RuleConflict(
            f"The bucket's website redirects already, to {_target(redirect)}. If this is an "
            "--app-url that you have corrected, or a rule that you do not need, replace it with: "
            "media_bucket apply --replace-rules"
        )
    kept = {n: v for n, v in current.items() if n not in ("RoutingRules", "RedirectAllRequestsTo")}
    rules = [rule for rule in rules if rule not in conflicts]
    others = [rule for rule in others if rule not in conflicts]
    covers = [prefix.startswith(_prefix_of(rule)) for rule in others] if prefix else []
    most = covers.index(True) if True in covers else None
    rules = _replace(
        rules, lambda rule: _is_ours(rule, host, prefix), wanted["RoutingRules"], most
    )
    return {**wanted, **kept, "RoutingRules": rules}


def remove_redirects(
    current: Document | None, wanted: Document | None = None, prefix: str = ""
) -> Document:
    """Remove the rules that redirect missing keys, as those of private files must not be."""
    rules = [
        rule
        for rule in (current or {}).get("RoutingRules", [])
        if not _redirects_missing_keys(rule, prefix)
    ]
    kept = {name: value for name, value in (current or {}).items() if name != "RoutingRules"}
    return {**kept, **({"RoutingRules": rules} if rules else {})}


def _target(redirect: Document) -> str:
    protocol, host = redirect.get("Protocol", "http"), redirect.get("HostName", "the same host")
    return f"{protocol}://{host}/{redirect.get('ReplaceKeyPrefixWith', '')}"


def _prefix_of(rule: Document) -> str:
    return str(rule.get("Condition", {}).get("KeyPrefixEquals", ""))


def _status_of(rule: Document) -> str:
    return str(rule.get("Condition", {}).get("HttpErrorCodeReturnedEquals", ""))


def _redirects_missing_keys(rule: Document, prefix: str) -> bool:
    return _status_of(rule) in MISSING_STATUSES and _prefix_of(rule) == prefix


def _is_ours(rule: Document, host: str, prefix: str) -> bool:
    is_to_app = rule.get("Redirect", {}).get("HostName") == host
    return _redirects_missing_keys(rule, prefix) and is_to_app


def _is_conflict(rule: Document, prefix: str) -> bool:
    """Return True if a rule applies to our missing keys, or to everything that we have."""
    is_for_all = _prefix_of(rule) == prefix and not _status_of(rule)
    return _redirects_missing_keys(rule, prefix) or is_for_all


# Comparing


def as_list(value: Any) -> list[Any]:
    """Return a list; the policy language also allows a single item in place of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


_ITEM_OR_LIST = frozenset(("Action", "NotAction", "Resource", "NotResource"))


def normalize(document: Any) -> Any:
    """Return a document in a form in which two documents of one meaning are equal.

    Servers return a list of one item as that item, sort names, sort lifecycle rules (their order
    has no meaning), and write the empty filter of a lifecycle rule in its older form.
    """
    if isinstance(document, list):
        items = [normalize(item) for item in document]
        if all(isinstance(item, dict) and {"ID", "Status"} <= item.keys() for item in items):
            return sorted(items, key=lambda rule: str(rule["ID"]))
        plain = all(isinstance(item, (str, int)) for item in items)
        return sorted(set(items), key=str) if plain else items
    if not isinstance(document, dict):
        return document
    result = {
        name: normalize(as_list(value) if name in _ITEM_OR_LIST else value)
        for name, value in document.items()
    }
    if "Status" in result and "Prefix" in result:
        result["Filter"] = {"Prefix": result.pop("Prefix")}
    return result


# Widened access, which is never applied without consent


def widened_policy(before: Document | None, after: Document) -> list[str]:
    """Return a sentence for each grant of ``after`` that ``before`` does not cover."""
    old = set(_grants(before or {}))
    new = [grant for grant in _grants(after) if grant not in old]
    new = [grant for grant in new if not any(_covers(other, grant) for other in old)]
    return [_sentence(*grant) for grant in dict.fromkeys(new)]


def widened_access_block(before: Document | None, after: Document) -> list[str]:
    """Return a sentence if public policies were blocked and no longer are.

    A bucket without the document blocks nothing.
    """
    lifted = [n for n in PUBLIC_POLICY_BLOCKS if (before or {}).get(n) and not after[n]]
    if not lifted:
        return []
    return [f"Policies may make the bucket public, which {' and '.join(lifted)} forbade."]


def _grants(policy: Document) -> Iterator[Grant]:
    for statement in as_list(policy.get("Statement")):
        if statement.get("Effect") != "Allow":
            continue
        principal = _principal(statement)
        for action in as_list(statement.get("Action")):
            for resource in as_list(statement.get("Resource")):
                yield principal, action, resource


def _principal(statement: Document) -> str:
    if statement.get("Condition"):
        arns = statement["Condition"].get("StringEquals", {}).get("AWS:SourceArn", "")
        return f"Every client of {arns or statement['Principal']}"
    if statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        return "Everybody"
    return str(statement.get("Principal"))


def _covers(old: Grant, new: Grant) -> bool:
    """Return True if ``old`` grants the same on all objects that ``new`` is about."""
    same = old[:2] == new[:2]
    return same and old[2].endswith("/*") and new[2].startswith(old[2].removesuffix("*"))


def _sentence(principal: str, action: str, resource: str) -> str:
    if action == "s3:GetObject":
        bucket, _, pattern = resource.rpartition(":")[2].partition("/")
        objects = f"every object of {bucket}" if pattern == "*" else f"{pattern} in {bucket}"
        if pattern.endswith("/*") and "*" not in pattern.removesuffix("*"):
            objects = f"every object of {bucket}/{pattern.removesuffix('*')}"
        return f"{principal} may read {objects}."
    return f"{principal} may {action} on {resource}."
