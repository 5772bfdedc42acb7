"""Why a look gave no value."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """Why a look gave no value: a closed set, safe as a label."""

    NOT_YET = "not_yet"  # nobody has looked so far
    BUG = "bug"  # our own mistake
    TIMEOUT = "timeout"  # the deadline passed, in a place that has no reason of its own
    STALE = "stale"  # known, but from too long ago to be held against what is seen now

    BAD_NAME = "bad_name"  # not a host name that DNS or TLS can ask for
    NAME_NOT_FOUND = "name_not_found"  # NXDOMAIN
    NO_ADDRESS = "no_address"  # the name exists, without A and AAAA
    RESOLVER_FAILURE = "resolver_failure"  # SERVFAIL, REFUSED, no resolver
    RESOLVER_TIMEOUT = "resolver_timeout"
    DNSSEC_BOGUS = "dnssec_bogus"  # answers only while validation is switched off

    REFUSED = "refused"
    UNREACHABLE = "unreachable"  # a router or a proxy on the way says so
    FORBIDDEN_ADDRESS = "forbidden_address"  # none that a certificate's name may lead us to
    NO_ROUTE = "no_route"  # this machine has no way to that address family
    CONNECT_TIMEOUT = "connect_timeout"
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    RESET = "reset"  # closed or reset before the handshake was done
    NOT_TLS = "not_tls"
    TLS_UNRECOGNIZED_NAME = "tls_unrecognized_name"
    TLS_PROTOCOL_VERSION = "tls_protocol_version"
    TLS_HANDSHAKE_FAILURE = "tls_handshake_failure"
    TLS_ALERT = "tls_alert"  # any other alert
    TLS_PROTOCOL_ERROR = "tls_protocol_error"  # bytes that TLS does not allow
    BAD_CERTIFICATE = "bad_certificate"  # could not be parsed
    NO_CERTIFICATE = "no_certificate"
    STARTTLS_REFUSED = "starttls_refused"  # TLS is not offered, or not now
    STARTTLS_PROTOCOL_ERROR = "starttls_protocol_error"  # not the protocol, or plaintext behind its end
    STARTTLS_TIMEOUT = "starttls_timeout"
    PROXY_FAILURE = "proxy_failure"  # our proxy cannot be reached or does not let us through
    NO_CLIENT_CERTIFICATE = "no_client_certificate"  # ours cannot be used
    HTTP_ERROR = "http_error"  # an HTTP answer other than 200

    FILE_NOT_FOUND = "file_not_found"  # no such file, or none that matches
    FILE_UNREADABLE = "file_unreadable"  # permissions, the disk, or not a regular file
    FILE_TOO_LARGE = "file_too_large"
    TOO_MANY_FILES = "too_many_files"  # in one place, so that the last ones are not read
    BAD_PASSWORD = "bad_password"  # noqa: S105 - a reason, not a secret

    DENIED = "denied"
    NO_CREDENTIALS = "no_credentials"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a reason, not a secret
    THROTTLED = "throttled"
    NOT_FOUND = "not_found"
    MALFORMED = "malformed"  # an answer that is not of the documented shape
    ABSENT = "absent"  # an answer without the field in question
    AWS_UNREACHABLE = "aws_unreachable"
    AWS_ERROR = "aws_error"

    @property
    def ours(self) -> bool:
        """Whether the reason tells of us or our way there, and so nothing of what was looked at."""
        return self in _OURS


_OURS = {
    *(Why.NOT_YET, Why.STALE, Why.BUG, Why.TIMEOUT, Why.RESOLVER_FAILURE, Why.RESOLVER_TIMEOUT, Why.NO_ROUTE),
    *(
        Why.FORBIDDEN_ADDRESS,
        Why.PROXY_FAILURE,
        Why.NO_CLIENT_CERTIFICATE,
        Why.FILE_UNREADABLE,
        Why.TOO_MANY_FILES,
        Why.BAD_PASSWORD,
        Why.DENIED,
        Why.NO_CREDENTIALS,
        Why.EXPIRED_TOKEN,
        Why.THROTTLED,
        Why.NOT_FOUND,
    ),
    *(Why.MALFORMED, Why.ABSENT, Why.AWS_UNREACHABLE, Why.AWS_ERROR),
}
