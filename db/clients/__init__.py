"""Tortoise's clients for SQLite and PostgreSQL, with transactions, connections and time limits of our own.

`db.address` names them to Tortoise, which makes one of them where a database is opened. Queries don't call them: they
go through the models, db/sql.py or db/statements.py.
"""
