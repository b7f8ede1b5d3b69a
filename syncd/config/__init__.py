"""The configuration: one YAML file, read strictly, as values.

`load.py` reads it, `model.py` says what it may hold, `schema.py` publishes that to editors.
"""
