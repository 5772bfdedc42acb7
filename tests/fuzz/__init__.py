"""What bytes from outside are read by, each with the law that no bytes may break.

`make fuzz` tries them with atheris for some minutes; every test run replays the corpus.
"""
