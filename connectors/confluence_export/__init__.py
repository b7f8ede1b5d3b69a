"""Confluence space exports, HTML and XML, as zip files or folders."""

from connectors.confluence_export.connector import ConfluenceExportSettings, LabelFilter, open_connector

__all__ = ["ConfluenceExportSettings", "LabelFilter", "open_connector"]
