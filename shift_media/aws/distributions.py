"""References of a CloudFront distribution: ids of resources, host names, a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shift_media.aws.policies import check_arn, parse_arn

CERTIFICATE_REGION = "us-east-1"
"""The only region in which CloudFront looks for the certificate of an alias."""
_CERTIFICATE = (
    "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
)


@dataclass(frozen=True, slots=True)
class CloudFrontIds:
    """Ids that CloudFront assigned to the resources that a distribution refers to."""

    origin_access_control: str = "your-origin-access-control-id"
    cache_policy: str = "your-cache-policy-id"
    response_headers_policy: str = "your-response-headers-policy-id"


@dataclass(frozen=True, slots=True)
class CustomDomains:
    """Host names of a distribution, beside the one that CloudFront assigns, and a certificate.

    Raises `ValueError` for aliases without a certificate, a certificate without aliases, or a
    certificate of a region other than us-east-1.
    """

    aliases: Sequence[str] = ()
    certificate_arn: str = ""

    def __post_init__(self) -> None:
        if bool(self.aliases) != bool(self.certificate_arn):
            raise ValueError(
                "An alias needs a certificate, and a certificate an alias. Give both, or neither "
                "to use the host name that CloudFront assigns."
            )
        if self.certificate_arn:
            check_arn(self.certificate_arn, "acm", _CERTIFICATE)
            region = parse_arn(self.certificate_arn).region
            if region != CERTIFICATE_REGION:
                raise ValueError(
                    f"The certificate is in {region}, but CloudFront only uses certificates in "
                    f"{CERTIFICATE_REGION}. Request one for the same name there."
                )
