"""Breakwater's core, its ports and the adapters behind them."""
