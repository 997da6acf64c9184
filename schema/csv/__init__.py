"""CSV files of codes and claims: reading, writing, downloads."""
