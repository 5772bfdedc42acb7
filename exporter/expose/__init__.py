"""What users see: metrics, JSON, tables.

Law of this room: it reads snapshots and decides nothing. Whatever is compared with a threshold was compared
in `judge`; here it only gets its name, its place and its words. No I/O but the HTTP server's own;
what /probe has looked at is looked at by a function that is handed in.
"""
