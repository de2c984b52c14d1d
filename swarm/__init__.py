"""The orchestrator: command line, session, roles, choice, money, models, tools."""
