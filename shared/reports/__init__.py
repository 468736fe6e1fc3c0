"""One parser per scanner format, all giving findings."""
