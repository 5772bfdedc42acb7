"""A plain boto3 script: list all certificates, describe each; with botocore's own retries."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def main(seconds: float) -> None:
    """List and describe for at most so long; prints what it took."""
    client = boto3.client("acm", config=Config(retries={"mode": "standard", "max_attempts": 10}))
    calls: Counter[str] = Counter()
    client.meta.events.register("response-received", lambda **told: _count(calls, told))
    began = time.monotonic()
    pages = client.get_paginator("list_certificates").paginate(Includes={"keyTypes": ["EC_prime256v1"]})
    arns = [one["CertificateArn"] for page in pages for one in page["CertificateSummaryList"]]
    listed = time.monotonic() - began
    described = 0
    for arn in arns:
        if time.monotonic() - began > seconds:
            break
        try:
            client.describe_certificate(CertificateArn=arn)
        except ClientError:
            continue
        described += 1
    told = {"listed": listed, "certificates": len(arns), "described": described}
    print(json.dumps(told | {"seconds": time.monotonic() - began, "calls": calls}))


def _count(calls: Counter[str], told: dict[str, Any]) -> None:
    answer = told["parsed_response"] or {}
    calls["throttled" if answer.get("Error") else told["event_name"].rpartition(".")[2]] += 1


if __name__ == "__main__":
    main(float(sys.argv[1]))
