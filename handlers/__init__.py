"""What Breakwater does when something happens: one module a reaction."""
