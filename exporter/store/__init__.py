"""What is known, kept in a file, so that a restart forgets nothing.

Law of this room: it alone touches the state file, and knows nouns only. No network; the clock and the file's
path are handed in. What it reads is proven row by row or left out: never a wrong value.
"""
