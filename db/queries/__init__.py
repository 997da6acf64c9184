"""All queries and updates: a module for each noun, a named function for each query (`codes.by_text`)."""
