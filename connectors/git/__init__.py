"""Markdown, HTML and plain text in a Git repository."""

from connectors.git.connector import GitSettings, open_connector

__all__ = ["GitSettings", "open_connector"]
