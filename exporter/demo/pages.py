"""Pages of rows, as AWS gives them."""

from __future__ import annotations

import base64
from typing import Any

from exporter.demo.acm_validation import AwsError

Json = dict[str, Any]


def page(rows: list[Json], key: str, asked: Json, limit: int, most: int) -> Json:
    """Cut the page that was asked for; NextToken leads to the next."""
    if not 1 <= limit <= most:
        raise AwsError("ValidationException", f"a page has 1 to {most} rows")
    try:
        start = int(base64.b64decode(asked.get("NextToken", "MA==")))
    except ValueError:
        raise AwsError("ValidationException", "NextToken is not one of ours") from None
    told: Json = {key: rows[start : start + limit]}
    if start + limit < len(rows):
        told["NextToken"] = base64.b64encode(str(start + limit).encode()).decode()
    return told
