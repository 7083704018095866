"""Block Public Access and object ownership: what a bucket needs beside its policy.

New buckets have everything blocked and ACLs disabled. A bucket that anybody reads from needs the
two blocks of *policies* off; those of ACLs stay on, since no ACL is ever sent.

Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage" and "Controlling
ownership of objects and disabling ACLs for your bucket".
"""

from __future__ import annotations

from typing import Any, Literal

Access = Literal["public", "private"]
"""Anybody reads the bucket itself, or one CloudFront distribution alone does."""

POLICY_BLOCKS = ("BlockPublicPolicy", "RestrictPublicBuckets")
"""What must be off for a public policy: it is refused by the one, ignored by the other."""


def public_access_block(access: Access) -> dict[str, bool]:
    """Build the ``PublicAccessBlockConfiguration``."""
    acls = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
    return {**acls, **dict.fromkeys(POLICY_BLOCKS, access == "private")}


def ownership_controls() -> dict[str, Any]:
    """Build the ``OwnershipControls`` that disable ACLs: every object is the bucket owner's."""
    return {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
