"""Views in the log's file for people with sqlite3, Datasette or DuckDB: calls, costs, tasks and sessions as plain rows.

They hold nothing: a log without them is as whole as one with them. Who opens it for writing makes those that are missing or
that another version of the program made; docs/reference/sql.md shows what they are for.
"""

from __future__ import annotations

import sqlite3

_V_CALLS = """\
CREATE VIEW v_calls AS
WITH
  ends AS (
    SELECT reservation, min(position) AS position FROM event
    WHERE position > reservation
      AND kind IN (SELECT id FROM name WHERE text IN ('call.settled', 'call.failed', 'call.released'))
    GROUP BY reservation),
  doubts AS (
    SELECT DISTINCT reservation FROM event
    WHERE position > reservation AND kind = (SELECT id FROM name WHERE text = 'call.unknown'))
SELECT
  r.position AS call,
  strftime('%Y-%m-%d %H:%M:%f', r.at / 1000000.0, 'unixepoch') AS reserved_at,
  coalesce((SELECT substr(value, 5, instr(value || '@', '@') - 5) FROM json_each(r.body, '$.scopes')
    WHERE substr(value, 1, 4) = 'day:' LIMIT 1), '') AS day,
  coalesce((SELECT text FROM name WHERE id = r.project), '') AS project,
  r.session AS session,
  coalesce((SELECT text FROM name WHERE id = r.task), '') AS task,
  r.step AS step,
  r.attempt AS attempt,
  coalesce((SELECT text FROM name WHERE id = r.role), '') AS role,
  coalesce((SELECT text FROM name WHERE id = r.agent), '') AS agent,
  coalesce((SELECT text FROM name WHERE id = r.model), '') AS model,
  coalesce((SELECT text FROM name WHERE id = r.tier), '') AS tier,
  json_extract(r.body, '$.price') AS price,
  CASE WHEN e.position IS NOT NULL THEN substr((SELECT text FROM name WHERE id = e.kind), 6)
    WHEN d.reservation IS NOT NULL THEN 'maybe paid' ELSE 'open' END AS state,
  coalesce(e.input_tokens, 0) AS input_tokens,
  coalesce(e.cached_tokens, 0) AS cached_tokens,
  coalesce(json_extract(e.body, '$.cache_write_tokens'), 0) AS cache_write_tokens,
  coalesce(e.output_tokens, 0) AS output_tokens,
  coalesce(json_extract(e.body, '$.reasoning_tokens'), 0) AS reasoning_tokens,
  r.cost_nanos AS reserved_nanos,
  CASE WHEN e.position IS NOT NULL THEN e.cost_nanos WHEN d.reservation IS NOT NULL THEN r.cost_nanos ELSE 0 END
    AS cost_nanos,
  CASE WHEN e.position IS NULL AND d.reservation IS NOT NULL THEN r.cost_nanos ELSE 0 END AS maybe_paid_nanos
FROM event AS r
LEFT JOIN ends ON ends.reservation = r.position
LEFT JOIN event AS e ON e.position = ends.position
LEFT JOIN doubts AS d ON d.reservation = r.position
WHERE r.kind = (SELECT id FROM name WHERE text = 'call.reserved')"""

_V_COSTS = """\
CREATE VIEW v_costs AS
SELECT
  day, project, session, task, role, agent, model, tier, price,
  count(*) AS calls,
  sum(state IN ('failed', 'released')) AS failed,
  sum(state = 'open') AS open,
  sum(state = 'maybe paid') AS maybe_paid,
  sum(input_tokens) AS input_tokens,
  sum(cached_tokens) AS cached_tokens,
  sum(cache_write_tokens) AS cache_write_tokens,
  sum(output_tokens) AS output_tokens,
  sum(reasoning_tokens) AS reasoning_tokens,
  sum(cost_nanos) AS cost_nanos,
  sum(maybe_paid_nanos) AS maybe_paid_nanos
FROM v_calls
GROUP BY day, project, session, task, role, agent, model, tier, price"""

_V_TASKS = """\
CREATE VIEW v_tasks AS
WITH
  ends AS (
    SELECT session, task, max(position) AS position FROM event
    WHERE kind IN (SELECT id FROM name WHERE text IN
      ('task.accepted', 'task.failed', 'task.halted', 'task.cancelled', 'task.skipped', 'task.reopened'))
    GROUP BY session, task),
  costs AS (
    SELECT session, task, count(*) AS calls, sum(cost_nanos) AS cost_nanos FROM v_calls GROUP BY session, task)
SELECT
  s.session AS session,
  coalesce(n.text, '') AS task,
  json_extract(s.body, '$.title') AS title,
  json_extract(s.body, '$.type') AS type,
  json_extract(s.body, '$.complexity') AS complexity,
  CASE k.text WHEN 'task.reopened' THEN 'open' ELSE coalesce(substr(k.text, 6), 'open') END AS state,
  strftime('%Y-%m-%d %H:%M:%f', s.at / 1000000.0, 'unixepoch') AS submitted_at,
  CASE k.text WHEN 'task.reopened' THEN NULL
    ELSE strftime('%Y-%m-%d %H:%M:%f', e.at / 1000000.0, 'unixepoch') END AS ended_at,
  coalesce(c.calls, 0) AS calls,
  coalesce(c.cost_nanos, 0) AS cost_nanos
FROM event AS s
LEFT JOIN name AS n ON n.id = s.task
LEFT JOIN ends ON ends.session = s.session AND ends.task = s.task AND ends.position > s.position
LEFT JOIN event AS e ON e.position = ends.position
LEFT JOIN name AS k ON k.id = e.kind
LEFT JOIN costs AS c ON c.session = s.session AND c.task = coalesce(n.text, '')
WHERE s.kind = (SELECT id FROM name WHERE text = 'task.submitted')"""

_V_SESSIONS = """\
CREATE VIEW v_sessions AS
WITH
  ends AS (
    SELECT session, max(position) AS position FROM event
    WHERE kind IN (SELECT id FROM name WHERE text IN ('session.claimed', 'session.closed')) GROUP BY session),
  closed AS (
    SELECT e.session, e.at, e.body FROM ends JOIN event AS e ON e.position = ends.position
    WHERE e.kind = (SELECT id FROM name WHERE text = 'session.closed')),
  tasks AS (
    SELECT session, count(*) AS tasks, sum(state = 'accepted') AS accepted, sum(calls) AS calls,
      sum(cost_nanos) AS cost_nanos
    FROM v_tasks GROUP BY session)
SELECT
  o.session AS session,
  json_extract(o.body, '$.type') AS type,
  json_extract(o.body, '$.title') AS title,
  json_extract(o.body, '$.directory') AS directory,
  strftime('%Y-%m-%d %H:%M:%f', o.at / 1000000.0, 'unixepoch') AS opened_at,
  strftime('%Y-%m-%d %H:%M:%f', c.at / 1000000.0, 'unixepoch') AS closed_at,
  json_extract(c.body, '$.exit_code') AS exit_code,
  coalesce(t.tasks, 0) AS tasks,
  coalesce(t.accepted, 0) AS accepted,
  coalesce(t.calls, 0) AS calls,
  coalesce(t.cost_nanos, 0) AS cost_nanos
FROM event AS o
LEFT JOIN closed AS c ON c.session = o.session
LEFT JOIN tasks AS t ON t.session = o.session
WHERE o.kind = (SELECT id FROM name WHERE text = 'session.opened')"""

VIEWS = {"v_calls": _V_CALLS, "v_costs": _V_COSTS, "v_tasks": _V_TASKS, "v_sessions": _V_SESSIONS}
"""Their statements by name, each behind those that it reads from. Moments are UTC, amounts whole nano-dollars."""


def outdated(connection: sqlite3.Connection) -> list[str]:
    """The names of those that are missing, or that are not as this program makes them."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'"))
    return [name for name, statement in VIEWS.items() if found.get(name) != statement]


def renew(connection: sqlite3.Connection) -> None:
    """Make what is `outdated` anew, in a transaction that the caller has begun."""
    for name in outdated(connection):
        connection.execute(f"DROP VIEW IF EXISTS {name}")
        connection.execute(VIEWS[name])
