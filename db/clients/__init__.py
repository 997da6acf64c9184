"""Tortoise clients for SQLite and PostgreSQL: connections, transactions, time limits."""
