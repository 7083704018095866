"""Bucket policies: who may read the media."""

from __future__ import annotations

from typing import Any, Literal

VERSION = "2012-10-17"
"""The version of the policy language, which is its date."""

Readable = Literal["all", "derived"]

_ID = "????????/????/????/????/????????????"

DERIVED = ("*upscale-*", "*/_*", f"{_ID}/*/*upscale-*", f"{_ID}/*/_*")
"""Patterns that resizes and renditions match, and originals by their grammar never do.

The first two say all to AWS. Ceph 16 ends a ``*`` at the first place where the next character
fits, and never tries another: the last two hold there too.
"""


def public_read_policy(bucket: str, readable: Readable = "all") -> dict[str, Any]:
    """Build the policy that lets anybody read media, and nobody list them.

    ``readable="derived"`` leaves the originals private: resizes and renditions alone are public.

    Source: Amazon S3 User Guide, "Bucket policies"; wildcards in resources may match slashes.
    """
    arn = f"arn:aws:s3:::{bucket}"
    patterns = ("*",) if readable == "all" else DERIVED
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "ShiftMediaPublicRead",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": [f"{arn}/{pattern}" for pattern in patterns],
            }
        ],
    }
