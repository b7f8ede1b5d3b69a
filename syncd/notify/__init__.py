"""People are told when a source needs one of them, and when it no longer does."""
