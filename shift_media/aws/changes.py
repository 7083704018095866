"""Changes to a bucket's configuration: merge our rules into it, and report what they open up.

Rules of other tools are kept and ours are replaced. A document is JSON as the API returns it; None
stands for a bucket that has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shift_media.aws.policies import BUCKET_SIDS, PUBLIC_POLICY_BLOCKS, VERSION
from shift_media.aws.website import MISSING_STATUSES

Document = dict[str, Any]
Grant = tuple[str, str, str]
"""A principal, an action and a resource."""


class RuleConflict(ValueError):
    """A rule of another tool takes effect before ours can."""


# Merging


def merge_policy(current: Document | None, wanted: Document) -> Document:
    """Replace our statements, which have known Sids, and keep everything else."""
    if current is None:
        return wanted
    others = [s for s in as_list(current.get("Statement")) if s.get("Sid") not in BUCKET_SIDS]
    return {"Version": VERSION, **current, "Statement": [*others, *wanted["Statement"]]}


def merge_rules(
    current: Document | None, wanted: Document, member: str, ids: Sequence[str]
) -> Document:
    """Replace our rules, which have the given IDs, and keep the others.

    ``member`` names the list of rules: ``"CORSRules"`` or ``"Rules"``.
    """
    if current is None:
        return wanted
    others = [rule for rule in current.get(member, []) if rule.get("ID") not in ids]
    return {**current, member: [*others, *wanted[member]]}


def merge_lifecycle(current: Document | None, wanted: Document) -> Document:
    """Replace the wanted rules, and keep the others: one of ours that is not wanted now, too.

    Versions that a bucket does not remove any more could not be noticed from the command.
    """
    return merge_rules(current, wanted, "Rules", [rule["ID"] for rule in wanted["Rules"]])


def merge_website(
    current: Document | None, wanted: Document, *, replace_conflicts: bool = False
) -> Document:
    """Put our routing rules after the others, and keep the index and error documents.

    Routing rules have no IDs. A rule that redirects every missing key to the app's host counts as
    ours. One that redirects every missing key to another host, or everything, is in conflict with
    ours, because S3 applies the first rule that matches.

    Raises `RuleConflict` in that case, unless ``replace_conflicts`` drops such rules.
    """
    if current is None:
        return wanted
    host = wanted["RoutingRules"][0]["Redirect"]["HostName"]
    rules = current.get("RoutingRules", [])
    others = [rule for rule in rules if not _is_ours(rule, host)]
    conflicts = [rule for rule in others if _is_conflict(rule)]
    everything = current.get("RedirectAllRequestsTo")
    if (conflicts or everything) and not replace_conflicts:
        redirect = everything or conflicts[0].get("Redirect", {})
        raise RuleConflict(
            f"The bucket's website redirects already, to {_target(redirect)}. If this is an "
            "--app-url that you have corrected, or a rule that you do not need, replace it with: "
            "media_bucket apply --replace-rules"
        )
    kept = {n: v for n, v in current.items() if n not in ("RoutingRules", "RedirectAllRequestsTo")}
    others = [rule for rule in others if rule not in conflicts]
    return {**wanted, **kept, "RoutingRules": [*others, *wanted["RoutingRules"]]}


def _target(redirect: Document) -> str:
    protocol, host = redirect.get("Protocol", "http"), redirect.get("HostName", "the same host")
    return f"{protocol}://{host}/{redirect.get('ReplaceKeyPrefixWith', '')}"


def _redirects_missing_keys(rule: Document) -> bool:
    condition = rule.get("Condition", {})
    prefix = condition.get("KeyPrefixEquals", "")
    return condition.get("HttpErrorCodeReturnedEquals") in MISSING_STATUSES and not prefix


def _is_ours(rule: Document, host: str) -> bool:
    return _redirects_missing_keys(rule) and rule.get("Redirect", {}).get("HostName") == host


def _is_conflict(rule: Document) -> bool:
    """Return True if a rule applies to missing keys, or to everything."""
    return _redirects_missing_keys(rule) or not any(rule.get("Condition", {}).values())


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
        return f"{principal} may read {objects}."
    return f"{principal} may {action} on {resource}."
