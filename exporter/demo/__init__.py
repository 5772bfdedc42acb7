"""An outside world on loopback: ACM, DNS and TLS endpoints in every state.

Law of this room: it is the outside. It knows nothing of the exporter but its configuration file format, and
nothing imports it but `cli` (for `acm-exporter demo`) and the tests.
"""
