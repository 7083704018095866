"""Who may do more than before, in words: what is never done silently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shift_media.aws.access import POLICY_BLOCKS
from shift_media.aws.changes import listed

Document = dict[str, Any]
Grant = tuple[str, str, str]
"""Who, which action, on which resource."""


def widened_policy(before: Document | None, after: Document) -> Sequence[str]:
    """Say who may do what that they could not before."""
    had = set(_grants(before or {}))
    new = [grant for grant in _grants(after) if grant not in had]
    new = [grant for grant in new if not any(_covers(old, grant) for old in had)]
    return [_sentence(*grant) for grant in dict.fromkeys(new)]


def widened_block(before: Document | None, after: Document) -> Sequence[str]:
    """Say that public policies are allowed which were blocked; nothing set is nothing blocked."""
    lifted = [name for name in POLICY_BLOCKS if (before or {}).get(name) and not after[name]]
    if not lifted:
        return []
    return [f"Policies may make the bucket public, which {' and '.join(lifted)} forbade."]


def _grants(policy: Document) -> Iterator[Grant]:
    for statement in listed(policy.get("Statement")):
        if statement.get("Effect") != "Allow":
            continue
        who = _reader(statement)
        for action in listed(statement.get("Action")):
            for resource in listed(statement.get("Resource")):
                yield who, action, resource


def _reader(statement: Document) -> str:
    if statement.get("Condition"):
        arns = statement["Condition"].get("StringEquals", {}).get("AWS:SourceArn", "")
        return f"Whoever asks {arns or statement['Principal']}"
    if statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        return "Everybody"
    return str(statement.get("Principal"))


def _covers(old: Grant, new: Grant) -> bool:
    """Tell whether who could read a whole bucket could read this part of it."""
    same = old[:2] == new[:2]
    return same and old[2].endswith("/*") and new[2].startswith(old[2].removesuffix("*"))


def _sentence(who: str, action: str, resource: str) -> str:
    if action == "s3:GetObject":
        bucket, _, pattern = resource.rpartition(":")[2].partition("/")
        what = f"every object of {bucket}" if pattern == "*" else f"{pattern} in {bucket}"
        return f"{who} may read {what}."
    return f"{who} may {action} on {resource}."
