"""The eyes: the only room that goes outside.

Law of this room: it opens sockets, asks, and returns sights (facts.Seen or facts.Unseen). It decides
nothing: no thresholds, no "good" or "bad". A foreign error becomes a facts.Why in the module that knows the
foreign library, and no exception leaves the room.
"""
