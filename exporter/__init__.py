"""Says whether AWS Certificate Manager will renew a certificate and visitors will get the renewed one.

The map, one way from left to right:

    config ──> cli builds the parts
    observe (ACM, TLS, DNS) ──> facts ──> judge ──> snapshot.Board ──> expose (/metrics, JSON, `check`)
                   └────────── schedule says when ──────────┘

`store` keeps what is known in a file across restarts. `remedy` does what mends it, for `fix` alone: the only
room that writes to AWS. `demo` is an outside world on loopback. Each room states its law in its docstring.
"""

__version__ = "0.1.0"
