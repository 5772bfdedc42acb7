"""The remedies: what mends a broken condition, and the only room that writes to AWS.

Law of this room: only `acm-exporter fix` calls it. What is to be done is planned purely and shown as the
exact calls; nothing is written but a Call that somebody consented to, and `hand` makes each in one place,
logged before and after. Outcomes are values; clock, pause and network are handed in. Every write can be made
again.
"""
