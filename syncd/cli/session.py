"""What most commands begin with: the configuration, found and read."""

from __future__ import annotations

import os
from pathlib import Path

from syncd.config.load import find_config, load_config
from syncd.config.model import Config
from syncd.log import redact
from syncd.registry import connector_type


def configuration(option: Path | None) -> Config:
    """Find and read the configuration.

    Raises:
        ConfigError: there is none, or something in it is wrong.
    """
    path = find_config(option, environ=os.environ)
    config = load_config(path, environ=os.environ, settings_model=lambda name: connector_type(name).settings)
    redact.add(*config.secrets())
    return config
