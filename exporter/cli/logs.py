"""Logging: structlog's events and everybody else's records through one formatter, on standard error."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor

FOREIGN = ("botocore", "urllib3", "asyncio", "aiohttp")  # heard only when they warn
SILENT = "botocore.credentials"  # warns at each call by a role that is refused; who called tells it
QUOTING = ("botocore", "urllib3")  # their tracebacks quote what was sent and received


def set_up(level: str, form: str) -> None:
    """Write from this level on, as logfmt or JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
    ]
    logfmt = structlog.processors.LogfmtRenderer(
        key_order=["ts", "level", "logger", "event"], drop_missing=True, bool_as_flag=False
    )
    rendering = [structlog.processors.JSONRenderer()] if form == "json" else [_printable, logfmt]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_without_course, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in FOREIGN:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger(SILENT).setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _without_course(_: object, __: str, event: EventDict) -> EventDict:
    """Drop the traceback of what a library warns of: botocore's may quote a signed request, with its secrets.

    What failed is told by whoever called the library.
    """
    record = event.get("_record")
    if record is not None and record.name.partition(".")[0] in QUOTING:
        event.pop("exc_info", None)
        record.exc_info = record.exc_text = None
    return event


def _printable(_: object, __: str, event: EventDict) -> EventDict:
    """Replace control characters, which could command a terminal; the renderer escapes line breaks."""
    return {
        key: "".join(c if c.isprintable() or c == "\n" else "?" for c in value)
        if isinstance(value, str)
        else value
        for key, value in event.items()
    }
