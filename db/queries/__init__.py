"""Every question and change, one module a noun, each a named function (`codes.by_text`)."""
