"""From evidence to a verdict.

Law of this room: pure. No await, clock, log or network: facts in, findings out. Everything that can change a
verdict is in `verdict.RULES`, in `rule.worst` or in `verdict.WORDS`. A condition breaks only on evidence;
what was not seen for reasons of our own is unknown, and unknown never becomes "fine" or "broken".
"""
