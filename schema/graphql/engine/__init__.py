"""The execution engine: documents are parsed, validated and planned once, then executed by their plan."""
