"""Runs GraphQL documents: parsed, checked and planned once, then executed by plan."""
