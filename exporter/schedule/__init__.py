"""When to look, and what is kept between looks.

Law of this room: it knows what comes next and remembers what was seen; it opens no socket and judges nothing
by itself. A failed look never erases a value; what left the configuration or the account is forgotten.
"""
