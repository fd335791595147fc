/** One message of the server's log, with the lines that belong to it. */
export type LogEntry = {
  /** ISO 8601 UTC; null if the prefix has no time, or one whose zone is not known. */
  at: string | null;
  pid: number | null;
  severity: string;
  sqlstate: string | null;
  message: string;
  detail: string | null;
  context: string | null;
  statement: string | null;
  application_name: string | null;
  usename: string | null;
  datname: string | null;
};

/**
 * Reads times as the server logs them, `2026-11-28 13:04:29.123 CET`, as ISO 8601 UTC. `log_timezone` is what an abbreviation
 * stands for: many zones share one. Null if it is no time, or its zone is not known.
 */
export function createLogClock(
  log_timezone: string | null,
): (text: string | null | undefined) => string | null {
  const offsets = new Map<string, string | null>();
  return text => {
    const parts = /^(\d{4}-\d\d-\d\d) ((\d\d):\d\d:\d\d(?:\.\d+)?) (\S+)$/.exec(text ?? '');
    if (parts === null) return null;
    const [, day = '', time, hour = '', zone = ''] = parts;
    const key = `${day} ${hour} ${zone}`;
    let offset = offsets.get(key);
    if (offset === undefined) {
      offset = /^(?:UTC|GMT|Z|Etc\/UTC)$/.test(zone)
        ? 'Z'
        : (offsetOf(zone) ?? offsetAt(`${day}T${hour}:30:00Z`, log_timezone));
      offsets.set(key, offset);
    }
    const date = new Date(`${day}T${time}${offset ?? 'unknown'}`);
    return Number.isNaN(date.getTime()) ? null : date.toISOString();
  };
}

/** The zone's offset at that time of its own clocks; in the hour that comes twice a year, one of the two. */
function offsetAt(local: string, log_timezone: string | null): string | null {
  if (log_timezone === null) return null;
  try {
    const format = new Intl.DateTimeFormat('en-GB', {timeZone: log_timezone, timeZoneName: 'longOffset'});
    const nameAt = (at: number) =>
      format
        .formatToParts(new Date(at))
        .find(({type}) => type === 'timeZoneName')
        ?.value.replace('GMT', '') || '+00:00';
    const guess = nameAt(Date.parse(local));
    return nameAt(Date.parse(local.replace('Z', guess)));
  } catch {
    return null;
  }
}

/** `+01`, `-0330`, `+05:30`. */
function offsetOf(zone: string): string | null {
  const [, sign, hours, minutes = '00'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  return sign === undefined ? null : `${sign}${hours}:${minutes}`;
}

/** English messages by which an error is known where the log has no SQLSTATE (elog.c, postgres.c, proc.c). */
const knownMessages: readonly (readonly [RegExp, string])[] = [
  [/^deadlock detected/, '40P01'],
  [
    /^(?:sorry, too many clients already|remaining connection slots are reserved|too many connections for )/,
    '53300',
  ],
  [/^canceling statement due to lock timeout/, '55P03'],
  [/^canceling statement due to conflict with recovery/, '40001'],
  [/^canceling statement due to /, '57014'],
  [/^cannot execute .+ in a read-only transaction/, '25006'],
  [/^duplicate key value violates unique constraint/, '23505'],
  [/violates foreign key constraint/, '23503'],
  [/violates not-null constraint/, '23502'],
  [/violates check constraint/, '23514'],
  [/^permission denied /, '42501'],
  [/^relation .+ does not exist/, '42P01'],
  [/^column .+ does not exist/, '42703'],
  [/^syntax error /, '42601'],
  [/^password authentication failed /, '28P01'],
  [/^(?:\w+ out of range|value .* is out of range for type)/, '22003'],
  [/^(?:terminating connection due to administrator command)/, '57P01'],
  [/^terminating connection due to idle-in-transaction timeout/, '25P03'],
  [/^could not serialize access/, '40001'],
  [/^current transaction is aborted/, '25P02'],
  [/^out of (?:shared )?memory$/, '53200'],
  [/: No space left on device$/, '53100'],
  [/^no partition of relation .+ found for row/, '23514'],
  [/^database ".+" does not exist$/, '3D000'],
  [/^no pg_hba\.conf entry for /, '28000'],
  [/^role .+ is not permitted to log in$/, '28000'],
];

export function sqlstateOf({sqlstate, message}: Pick<LogEntry, 'sqlstate' | 'message'>): string | null {
  if (sqlstate !== null && sqlstate !== '00000') return sqlstate;
  return knownMessages.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}
