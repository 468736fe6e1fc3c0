"""What every test has in common."""

from hypothesis import settings

# A busy machine must not make a true property fail.
settings.register_profile("breakwater", deadline=None)
settings.load_profile("breakwater")
