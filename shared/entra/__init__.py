"""Entra: whom a bearer token names, and what they may do."""
