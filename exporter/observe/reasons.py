"""From the errors of sockets and of OpenSSL to closed reasons."""

from __future__ import annotations

import errno

from OpenSSL import SSL

from exporter.facts import Why
from exporter.observe.sight import Blind

ERRNO = {
    errno.ECONNREFUSED: Why.REFUSED,
    errno.EHOSTUNREACH: Why.UNREACHABLE,
    errno.EHOSTDOWN: Why.UNREACHABLE,
    errno.ENETUNREACH: Why.NO_ROUTE,
    errno.ENETDOWN: Why.NO_ROUTE,
    errno.EADDRNOTAVAIL: Why.NO_ROUTE,
    errno.EAFNOSUPPORT: Why.NO_ROUTE,
    errno.EINVAL: Why.NO_ROUTE,  # a link-local address without its interface
    errno.EACCES: Why.NO_ROUTE,  # a packet filter of this machine
    errno.EPERM: Why.NO_ROUTE,
    errno.ETIMEDOUT: Why.CONNECT_TIMEOUT,
    errno.ECONNRESET: Why.RESET,
    errno.ECONNABORTED: Why.RESET,
    errno.EPIPE: Why.RESET,
}
# The ends of OpenSSL's reasons, whose beginnings ("sslv3", "tlsv1", "ssl/tls") changed over its releases.
_REASON = {
    "unrecognized name": Why.TLS_UNRECOGNIZED_NAME,
    "alert protocol version": Why.TLS_PROTOCOL_VERSION,
    "unsupported protocol": Why.TLS_PROTOCOL_VERSION,
    "wrong ssl version": Why.TLS_PROTOCOL_VERSION,
    "alert handshake failure": Why.TLS_HANDSHAKE_FAILURE,
    "asn1 lib": Why.BAD_CERTIFICATE,
    "x509 lib": Why.BAD_CERTIFICATE,
    "certificate length mismatch": Why.BAD_CERTIFICATE,
    "unknown certificate type": Why.BAD_CERTIFICATE,
    "unable to find public key parameters": Why.BAD_CERTIFICATE,
}


def why_of(error: SSL.Error) -> Blind:
    """Translate OpenSSL's queue of errors, of which the last is the widest."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [reason for _, _, reason in queue]
    text = "; ".join(reasons) or str(error)
    for reason in reasons:
        for end, why in _REASON.items():
            if reason.lower().endswith(end):
                return Blind(why, text)
    if any(" alert " in reason or reason.startswith("tlsv1") for reason in reasons):
        return Blind(Why.TLS_ALERT, text)
    return Blind(Why.TLS_PROTOCOL_ERROR, text)
