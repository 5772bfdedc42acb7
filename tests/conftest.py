"""What all tests share: no property has a deadline, for machines are noisy and none of these tests is timed."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
