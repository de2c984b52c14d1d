"""Every name that is exported, in one table: the conventions for generative AI are in development, and names in them change.

Looked up in November 2026: v1.41.0 of open-telemetry/semantic-conventions, the last with these conventions in it, and
the main branch of open-telemetry/semantic-conventions-genai, to which they have moved and which has no release yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Version = Literal["1.41", "genai-dev"]
VERSIONS: tuple[Version, ...] = get_args(Version)
"""The first is the default."""

OPT_IN = "gen_ai_latest_experimental"
"""The word of OTEL_SEMCONV_STABILITY_OPT_IN for the newest names."""

SCHEMA_URLS: Mapping[Version, str] = {"1.41": "https://opentelemetry.io/schemas/1.41.0", "genai-dev": ""}

TABLE: Mapping[str, str | tuple[str, str]] = {
    # attributes
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "workflow": "gen_ai.workflow.name",
    "conversation": "gen_ai.conversation.id",
    "agent": "gen_ai.agent.name",
    "request_model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "output_type": "gen_ai.output.type",
    "tool": "gen_ai.tool.name",
    "tool_call": "gen_ai.tool.call.id",
    "tool_type": "gen_ai.tool.type",
    "server": "server.address",
    "port": "server.port",
    "error": "error.type",
    "token_type": "gen_ai.token.type",
    "modality": ("", "gen_ai.token.modality"),
    # attributes with texts
    "input_messages": "gen_ai.input.messages",
    "output_messages": "gen_ai.output.messages",
    "tool_arguments": "gen_ai.tool.call.arguments",
    "tool_result": "gen_ai.tool.call.result",
    # events
    "evaluation": "gen_ai.evaluation.result",
    "evaluation_name": "gen_ai.evaluation.name",
    "evaluation_label": "gen_ai.evaluation.score.label",
    "evaluation_score": "gen_ai.evaluation.score.value",
    "evaluation_why": "gen_ai.evaluation.explanation",
    # metrics
    "token_usage": ("gen_ai.client.token.usage", ""),
    "usage_input": ("", "gen_ai.client.inference.usage.input_tokens"),
    "usage_output": ("", "gen_ai.client.inference.usage.output_tokens"),
    "usage_cache_read": ("", "gen_ai.client.inference.usage.cache_read.input_tokens"),
    "usage_cache_write": ("", "gen_ai.client.inference.usage.cache_write.input_tokens"),
    "usage_reasoning": ("", "gen_ai.client.inference.usage.reasoning.output_tokens"),
    "call_input": ("", "gen_ai.client.inference.operation.input_tokens"),
    "call_output": ("", "gen_ai.client.inference.operation.output_tokens"),
    "call_duration": "gen_ai.client.operation.duration",
    "workflow_duration": ("", "gen_ai.workflow.duration"),
    "agent_duration": ("", "gen_ai.invoke_agent.duration"),
    "tool_duration": ("", "gen_ai.execute_tool.duration"),
    # our own, for which there is no convention
    "session": "swarm.session",
    "task": "swarm.task.id",
    "task_type": "swarm.task.type",
    "complexity": "swarm.task.complexity",
    "status": "swarm.status",
    "cause": "swarm.cause",
    "step": "swarm.step",
    "attempt": "swarm.attempt",
    "role": "swarm.role",
    "tier": "swarm.tier",
    "model": "swarm.model",
    "branch": "swarm.branch",
    "try": "swarm.try",
    "skills": "swarm.skill.names",
    "tokens": "swarm.tokens",
    "cost": "swarm.cost.usd",
    "cost_source": "swarm.cost.source",
    "unfinished": "swarm.unfinished",
    "choice": "swarm.choice",
    "choice_stopped": "swarm.choice.stopped",
    "policy": "swarm.choice.policy",
    "candidates": "swarm.choice.candidates",
    "excluded": "swarm.choice.excluded",
    "served": "swarm.answer.served",
    "served_how": "swarm.answer.how",
    "saved_tokens": "swarm.answer.saved_tokens",
    "staged": "swarm.stage",
    "stage_name": "swarm.stage.name",
    "stage_how": "swarm.stage.how",
    "stage_before": "swarm.stage.tokens_before",
    "stage_after": "swarm.stage.tokens_after",
    "marked": "swarm.budget.marked",
    "budget_scope": "swarm.budget.scope",
    "budget_percent": "swarm.budget.percent",
    "calls": "swarm.calls",
    "tasks": "swarm.tasks",
    "cost_total": "swarm.cost.usd",
}
"""By what is meant its name: one for all versions, or one each in the order of VERSIONS; "" where a version has none."""

PROVIDERS: Mapping[str, str | tuple[str, str]] = {
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": ("moonshot", "moonshot_ai"),
    "xai": "x_ai",
}
"""By our name of a provider its well-known one, where that is another."""

FINISHES: Mapping[str, str] = {"refusal": "content_filter", "tools": "tool_call"}
"""By our word for how an answer ended the one of the conventions' JSON schema, where that is another."""

TOKEN_BUCKETS = tuple(4**power for power in range(14))
CALL_BUCKETS = tuple(round(0.01 * 2**power, 2) for power in range(14))
LONG_BUCKETS = tuple(round(0.1 * 2**power, 1) for power in range(13))
"""Bounds of histograms, as the conventions advise: of tokens, of seconds of a call, of seconds of what is made of calls."""


class Names:
    """The names of one version."""

    def __init__(self, version: Version) -> None:
        self.version: Version = version
        self._index = VERSIONS.index(version)

    def __getitem__(self, meant: str) -> str:
        """The name of what is meant; "" where the version has none."""
        return self._of(TABLE[meant])

    def provider(self, name: str) -> str:
        return self._of(PROVIDERS.get(name, name))

    @property
    def schema_url(self) -> str:
        return SCHEMA_URLS[self.version]

    def _of(self, row: str | tuple[str, str]) -> str:
        return row if isinstance(row, str) else row[self._index]
