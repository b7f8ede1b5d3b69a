"""The dashboard: pages for people over what the service knows, and what they decide there."""
