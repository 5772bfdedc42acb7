"""OpenSSL contexts that see as many servers as can be, and note what a server asks for and staples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from OpenSSL import SSL

PrivateKey: TypeAlias = (
    dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | rsa.RSAPrivateKey
)

_LIB: Any = getattr(SSL, "_lib", None)  # for calls that pyOpenSSL makes room for and does not offer
_FFI: Any = getattr(SSL, "_ffi", None)
_ASKED = b"SSLv3/TLS read server certificate request"  # OpenSSL's name of the state, in TLS 1.3 as well
_CIPHERS = b"ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"
# One key share in the first flight. ML-KEM is left out: its share is most of the ClientHello and of its
# cost, and a server that prefers it would ask for a second ClientHello.
_LEAN_GROUPS = b"*X25519:P-256:?X448:P-384:P-521:?ffdhe2048:?ffdhe3072"


# In TLS 1.3 the PKCS #1 algorithms are for chains alone, and in TLS 1.2 the ciphers decide (RFC 8446, 4.2.3).
_PKCS1 = "RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1"
_PSS = ":".join(f"rsa_pss_{key}_sha{size}" for key in ("rsae", "pss") for size in (256, 384, 512))
_ECDSA = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:ECDSA+SHA1"
_KEY_TYPES = {  # ciphers and signature algorithms
    "rsa": (b"aRSA:!eNULL:!PSK:!SRP:@SECLEVEL=0", f"{_PSS}:{_PKCS1}".encode()),
    "ecdsa": (b"aECDSA:!eNULL:@SECLEVEL=0", f"{_ECDSA}:{_PKCS1}".encode()),
}


class Context(SSL.Context):
    """A context, and what its connections ask for and offer."""

    staples = False  # whether they ask for a stapled OCSP response
    offers = False  # whether they have a client certificate


@dataclass(slots=True)
class Notes:
    """What was noted of one connection."""

    wants: bool = False  # the server asked for a client certificate
    staple: bytes | None = None  # its OCSP response; b"" where it has none


def noted(connection: SSL.Connection) -> Notes:
    """Return a connection's notes; there are none until something happens, which is rare."""
    notes = connection.get_app_data()
    if notes is None:
        notes = Notes()
        connection.set_app_data(notes)
    assert isinstance(notes, Notes)
    return notes


def full_context() -> Context:
    """Make a context that sees as many servers as OpenSSL can: what is weak is for others to say."""
    context = Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    _mark_requests(context)
    return context


def _mark_requests(context: SSL.Context) -> None:
    """Mark connections whose server asks for a client certificate, with or without a list of CAs.

    OpenSSL's own call for this is not offered by pyOpenSSL; the public way, a call at each change of state,
    costs a twentieth of a handshake and serves where the other is missing.
    """
    set_callback = getattr(_LIB, "SSL_CTX_set_cert_cb", None)
    if set_callback is not None:
        set_callback(context._context, _MARK, _FFI.NULL)  # noqa: SLF001
    else:
        context.set_info_callback(_mark_state)


def _mark_state(connection: SSL.Connection, where: int, _: int) -> None:
    if where == SSL.SSL_CB_CONNECT_LOOP and connection.get_state_string() == _ASKED:
        noted(connection).wants = True


def _mark(ssl: object, _: object) -> int:
    """Mark the connection and go on with the context's certificate, if it has one."""
    noted(SSL.Connection._reverse_mapping[ssl]).wants = True  # noqa: SLF001
    return 1


_MARK = _FFI and _FFI.callback("int(*)(SSL *, void *)", _mark)  # kept, as OpenSSL keeps only its address


def offer_one_key_share(context: SSL.Context) -> None:
    """Save about a sixth of a handshake's CPU; where the call is missing, OpenSSL's own groups stay.

    pyOpenSSL's public set_tmp_ecdh allows a single group. With P-256 alone, a server that has a P-384 and an
    RSA certificate would show us the RSA one under TLS 1.2, which is not the one that visitors get.
    """
    set_groups = getattr(_LIB, "SSL_CTX_set1_curves_list", None)
    if set_groups is not None:
        set_groups(context._context, _LEAN_GROUPS)  # noqa: SLF001


def ask_for_staple(context: Context) -> None:
    """Let servers staple an OCSP response (RFC 6066, section 8)."""

    def note(connection: SSL.Connection, staple: bytes, _: object) -> bool:
        noted(connection).staple = staple
        return True

    context.set_ocsp_client_callback(note)
    context.staples = True


def offer_certificate(context: Context, chain: Sequence[x509.Certificate], key: PrivateKey) -> None:
    """Show this certificate to servers that ask for one."""
    context.use_certificate(chain[0])
    for one in chain[1:]:
        context.add_extra_chain_cert(one)
    context.use_privatekey(key)
    context.check_privatekey()
    context.offers = True


def take_only(context: Context, key_type: str) -> None:
    """Accept only servers' certificates of one type of key.

    Where pyOpenSSL's OpenSSL lacks the call for TLS 1.3, TLS 1.2 is asked for, whose ciphers name the type.
    """
    ciphers, algorithms = _KEY_TYPES[key_type]
    context.set_cipher_list(ciphers)
    set_algorithms = getattr(_LIB, "SSL_CTX_set1_sigalgs_list", None)
    if set_algorithms is None:
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
    else:
        set_algorithms(context._context, algorithms)  # noqa: SLF001
