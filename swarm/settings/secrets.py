"""The secrets that a user's environment and settings name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from swarm.redact import Secrets

if TYPE_CHECKING:
    from swarm.settings.load import Settings


def settings_secrets(settings: Settings, environ: Mapping[str, str]) -> Secrets:
    """The secrets of an environment, the keys that the settings name included."""
    named = {provider.key_env for provider in settings.providers.values() if provider.key_env}
    return Secrets.from_environ(environ, extra_names=named)
