"""What syncd remembers between runs, in SQLite: a StateStore for the flow, and reads for people."""
