"""syncd's built-in connectors, one file for each kind of origin.

Other projects ship a top-level package of this name too. SYNCD_CONNECTORS lets syncd/registry.py
tell this one from a namesake that was installed over it.
"""

SYNCD_CONNECTORS = "0.1.0"
