"""A local Azure Functions host around Microsoft's own Python worker library."""
