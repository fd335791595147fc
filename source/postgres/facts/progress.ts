import {applicationNameSql} from '../../core/pool/reported-pool.ts';
import {decodeProgress, type ProgressRow, progressRate} from '../../core/server/progress.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {StepProgress} from '../../model/run.ts';
import type {CommandProgress, ProgressRate} from '../../model/server-work.ts';
import {isoTime, type PgClient} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';

/** Rates are over at most this much. */
const longest_ms = 60_000;

/** A reader that remembers its readings of the last minute. */
export function createProgressReader(): (
  connection: Pick<Connection, 'client'>,
) => Promise<(CommandProgress & ProgressRate)[]> {
  let earlier: CommandProgress[] = [];
  return async connection => {
    const now = await readProgress(connection);
    const commands = now.map(each => ({...each, ...progressRate(each, earlier)}));
    earlier = [...earlier, ...now].filter(({pid, at}) =>
      now.some(each => each.pid === pid && Date.parse(each.at) - Date.parse(at) <= longest_ms),
    );
    return commands;
  };
}

/** Every command whose progress the server reports, the longest first. Throws the server's errors. */
export async function readProgress({client}: Pick<Connection, 'client'>): Promise<CommandProgress[]> {
  const {rows} = await client.query<ProgressRow>({text: everyCommandText(await progressViews(client))});
  return rows.map(toProgress);
}

/**
 * What session `pid` executes; null if it executes nothing. A command that is not in a view, or not yet, has no count: its phase is
 * what it waits for. Throws the server's errors.
 */
export async function readStepProgress(
  {client}: Pick<Connection, 'client'>,
  pid: number,
): Promise<StepProgress | null> {
  const text = commandOfText(await progressViews(client));
  const {rows} = await client.query<ProgressRow>({text, values: [pid]});
  const [row] = rows;
  if (row === undefined) return null;
  const {phase, done, total, wait, waits_for} = toProgress(row);
  return {
    phase: row.command === '' ? (wait ?? 'running') : phase,
    done_ratio: done !== null && total !== null ? done / total : null,
    waiting_for: waits_for,
  };
}

function toProgress(row: ProgressRow): CommandProgress {
  const progress = decodeProgress({
    ...row,
    at: isoTime(row.at) ?? row.at,
    started_at: isoTime(row.started_at),
  });
  const {waits_for} = progress;
  return {
    ...progress,
    application_name: redactSecrets(progress.application_name),
    waits_for: waits_for && {...waits_for, description: redactSecrets(waits_for.description)},
  };
}

const known = new WeakMap<PgClient, Promise<string[]>>();

/** Asked once for each connection, so that those of a later version are read, too. */
function progressViews(client: PgClient): Promise<string[]> {
  let views = known.get(client);
  if (views === undefined) {
    views = client.query<{name: string}>({text: viewsText}).then(({rows}) => rows.map(({name}) => name));
    views.catch(() => known.delete(client));
    known.set(client, views);
  }
  return views;
}

const viewsText = `
SELECT /* poolctl */ c.relname::text AS name
FROM pg_catalog.pg_class c
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'v' AND c.relname ~ '^pg_stat_progress_[a-z_]+$'
ORDER BY c.relname`;

/** Figures as JSON, as each view has its own columns and versions add to them. */
function commandsOf(views: readonly string[]): string {
  return views
    .map(
      view =>
        `SELECT '${view.slice('pg_stat_progress_'.length)}' AS command, p.pid, to_jsonb(p) AS figures FROM pg_catalog.${view} p`,
    )
    .join('\n  UNION ALL ');
}

/**
 * The function behind pg_stat_activity, called for the few sessions that it is about: the view would read and join all of them.
 * pg_blocking_pids() takes the lock manager exclusively: only for a command that waits for a lock.
 */
const progressText = (from: string) => `
SELECT /* poolctl */ now()::text AS at, coalesce(c.command, '') AS command, a.pid, coalesce(c.figures, '{}') AS figures,
  a.query_start::text AS started_at, coalesce(${applicationNameSql('a.application_name')}, '') AS application_name,
  pg_catalog.pg_get_userbyid(a.usesysid)::text AS usename,
  (SELECT d.datname FROM pg_catalog.pg_database d WHERE d.oid = a.datid)::text AS datname,
  (date_part('epoch', now() - a.query_start) * 1000)::int8 AS age_ms,
  CASE WHEN a.wait_event_type IN ('Lock', 'LWLock', 'IO', 'Timeout') THEN a.wait_event_type || ':' || a.wait_event END AS wait,
  CASE WHEN c.figures->>'datname' = current_database() THEN (c.figures->>'relid')::oid::regclass::text
    ELSE nullif(c.figures->>'relid', '0') END AS relation,
  CASE WHEN c.figures->>'datname' = current_database() AND (c.figures->>'index_relid')::oid <> 0
    THEN (c.figures->>'index_relid')::oid::regclass::text END AS index,
  w.pid AS locker_pid,
  (SELECT concat_ws(' ', nullif(${applicationNameSql('l.application_name')}, ''), pg_catalog.pg_get_userbyid(l.usesysid), l.state)
    FROM pg_catalog.pg_stat_get_activity(w.pid) l WHERE w.pid IS NOT NULL) AS locker
FROM ${from}
CROSS JOIN LATERAL (
  SELECT coalesce(nullif((c.figures->>'current_locker_pid')::int4, 0),
    CASE WHEN a.wait_event_type = 'Lock' THEN (pg_catalog.pg_blocking_pids(a.pid))[1] END) AS pid
) w`;

const everyCommandText = (views: readonly string[]) => `${progressText(`(${commandsOf(views)}) c
CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(c.pid) a`)}
ORDER BY a.query_start, a.pid
LIMIT 100`;

const commandOfText = (views: readonly string[]) => `${progressText(`pg_catalog.pg_stat_get_activity($1) a
LEFT JOIN (${commandsOf(views)}) c ON c.pid = a.pid`)}
WHERE a.state = 'active'`;
