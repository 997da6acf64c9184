"""What is done, and whether it may be: a module is a verb, its function the object (`claim.code`).

Nothing in this room knows HTTP, GraphQL, a vendor or the time of day.
"""
