import type {PoolReport} from '../../model/snapshot.ts';
import {redactSecrets} from '../text/redact.ts';

/**
 * What poolctl/kit appends to application_name: `web[9/9 w34 p95 1.2s #k3f.a]`, of which docs/kit.md has the grammar. The same
 * text is a regular expression of JavaScript and of PostgreSQL.
 */
const suffix = String.raw`\[(\d{1,6})/(\d{1,6}) w(\d{1,7})(?: p95 (\d{1,7}ms|\d{1,5}(?:\.\d)?s))? #([0-9a-z]{3})\.([0-9a-z]{1,2})\]$`;
const pattern = new RegExp(suffix);

export type ApplicationName = {name: string; report: PoolReport | null};

/**
 * An application_name in its parts, without secrets. A name that ends otherwise, be it almost alike or cut off, is the
 * application's own.
 */
export function readApplicationName(text: string): ApplicationName {
  const match = text.endsWith(']') ? pattern.exec(text) : null;
  if (match === null) return {name: redactSecrets(text), report: null};
  const [, busy, size, waiting, time, instance = '', turn = ''] = match;
  const report: PoolReport = {
    instance,
    turn: Number.parseInt(turn, 36),
    size: Number(size),
    busy: Number(busy),
    waiting: Number(waiting),
    // Left out if no checkout had to wait; of those that wait still, the time is not known.
    wait_p95_ms: time === undefined ? (Number(waiting) === 0 ? 0 : null) : toMs(time),
  };
  return {name: redactSecrets(text.slice(0, match.index)), report};
}

function toMs(time: string): number {
  return time.endsWith('ms') ? Number(time.slice(0, -2)) : Math.round(Number(time.slice(0, -1)) * 1000);
}

/** SQL: the application's own name, for queries that show it. */
export function applicationNameSql(column: string): string {
  return `pg_catalog.regexp_replace(${column}, '${suffix}', '')`;
}

/** Turns begin anew after this many. */
const turns = 36 ** 2;

/**
 * The current report of each instance among those of its sessions: each session keeps the one that was current when it was last
 * handed out.
 */
export function currentReports(reports: Iterable<PoolReport>): PoolReport[] {
  const current = new Map<string, PoolReport>();
  for (const report of reports) {
    const known = current.get(report.instance);
    if (known === undefined || isNewer(report, known)) current.set(report.instance, report);
  }
  return [...current.values()];
}

/** Less than half of all turns ahead. */
function isNewer({turn}: PoolReport, {turn: other}: PoolReport): boolean {
  const ahead = (turn - other + turns) % turns;
  return ahead > 0 && ahead < turns / 2;
}
