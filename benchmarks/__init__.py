"""How fast, how small and how even: the exporter's figures beside those of its peers, taken in one run.

`lab` builds a world on loopback and starts what is measured; each benchmark (`cpu`, `rate`, `dead`, `fleet`,
`growth`, `inventory`, `startup`) gives rows; `figures` prints them. What runs in a process of its own,
lest it be counted with anything else, is in `peers`.
"""
