"""The only files that import azure.*."""
