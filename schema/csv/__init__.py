"""Files of codes and claims in CSV: reading, writing, downloads."""
