"""Agents: named profiles that fill the roles of the cycle; read, found and matched to tasks here."""
