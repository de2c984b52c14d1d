"""What a command takes out of texts: the secrets of the environment that it was started in. Cheap to import."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarm.settings.secrets import settings_secrets

if TYPE_CHECKING:
    from swarm.redact import Secrets
    from swarm.settings.load import Settings


def secrets_of(settings: Settings) -> Secrets:
    return settings_secrets(settings, os.environ)
