"""Intercom's AI Content API: `Pages(Retrying(Paced(transport)))`."""
