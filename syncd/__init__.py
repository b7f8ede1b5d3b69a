"""syncd keeps private documents fresh inside Intercom's Fin."""

__version__ = "0.1.0"
