"""The pure rules of the domain: validation, eligibility, money, code texts. Nothing here asks the database."""
