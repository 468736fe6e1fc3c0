"""The one way a stand-in fails: a sentence for the log and a non-zero exit."""


class ToolError(Exception):
    """What the tool was asked for cannot be done; the text says what was expected and found."""
