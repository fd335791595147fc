import type {RefusedRole} from '../../../model/assessment-facts.ts';
import type {Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {counted} from '../../text/format.ts';
import type {Context} from '../context.ts';
import {advice} from './failing-part.ts';
import {nameError, type RecentError, recentErrors} from './logged.ts';

/**
 * Roles that still have sessions, and whose new logins the server refuses: each session that ends is lost to its application. A role
 * without a session is one that was retired. Logins that do not need a password go on after its end: a session begun later shows that.
 */
export function examineLogins(context: Context): Finding[] {
  const {snapshot, facts} = context;
  const known = (facts.refused_roles ?? []).flatMap(role => {
    const sessions = snapshot.backends.filter(({usename}) => usename === role.name);
    return sessions.length > 0 && isRefused(role, sessions, snapshot.at) ? [findingOf(role, sessions)] : [];
  });
  const subjects = new Set(known.map(({subject}) => subject));
  return [...known, ...loggedRefusals(context).filter(({subject}) => !subjects.has(subject))];
}

function isRefused({valid_until}: RefusedRole, sessions: readonly Backend[], now: string): boolean {
  const ends_ms = valid_until === null ? null : Date.parse(valid_until);
  if (ends_ms === null) return true;
  const starts = sessions.map(({backend_start}) => Date.parse(backend_start ?? ''));
  return ends_ms <= Date.parse(now) && starts.every(start_ms => start_ms < ends_ms);
}

function findingOf({name, valid_until}: RefusedRole, sessions: readonly Backend[]): Finding {
  const has = `its ${counted(sessions.length, 'session')} began before`;
  const until = valid_until === null ? '' : `${valid_until.slice(0, 16)}Z`;
  const left = `${counted(sessions.length, 'session')} of ${name} ${sessions.length === 1 ? 'is' : 'are'} left; each that ends cannot be opened again: restart nothing before this is mended.`;
  return {
    recipe: 'refused-logins',
    severity: 'critical',
    subject: `role:${name}/logins`,
    summary:
      valid_until === null
        ? `role ${name} may not log in (NOLOGIN), its new connections fail (28000); ${has}`
        : `the password of role ${name} expired at ${until} (VALID UNTIL), its new logins fail (28P01); ${has}`,
    evidence: {role: name, sessions: sessions.length, valid_until},
    cause: 'refused-logins',
    harm: {kind: 'failing', sessions: sessions.length, share: 1, since: valid_until},
    explains: [],
    confidence: valid_until === null ? 'certain' : 'likely',
    reasons: [
      valid_until === null
        ? `ALTER ROLE ${name} NOLOGIN applies to new connections only.`
        : `VALID UNTIL of role ${name} is ${until}, and none of its sessions began later; it applies to logins with a password.`,
      left,
      'Logins that the server refuses leave no trace in its views, only in its log.',
    ],
    acts: [
      advice(
        valid_until === null
          ? `ALTER ROLE "${name}" LOGIN, or give the application the role that replaces it`
          : `set a new password, or ALTER ROLE "${name}" VALID UNTIL 'infinity'`,
        {
          frees: `new connections of ${name}, at once`,
          costs: 'who set it may have meant to retire the role: ask first',
        },
      ),
    ],
  };
}

/** No entry in pg_hba.conf, a wrong password, a database that is not there: by the server's log alone, again and again until now. */
function loggedRefusals(context: Context): Finding[] {
  const now_ms = Date.parse(context.snapshot.at);
  const refused = recentErrors(context).filter(
    ({severity, sqlstate, count, last_at}) =>
      severity === 'FATAL' &&
      /^(?:28...|3D000)$/.test(sqlstate ?? '') &&
      count >= leastRefused &&
      now_ms - Date.parse(last_at ?? '') <= lately_ms,
  );
  return [...groupBy(refused, roleIn)].flatMap(([role, errors]) => {
    const [most] = errors;
    return role === '' || most === undefined ? [] : [refusalOf(role, most, context)];
  });
}

/** A person who mistypes a password, or a scan, is refused less often than an application that tries again. */
const leastRefused = 5;
/** The log is read again every 15 s while a finding rests on it. */
const lately_ms = 30_000;

function roleIn({message, usename}: RecentError): string {
  return usename ?? /\b(?:user|role) "([^"]+)"/.exec(message)?.[1] ?? '';
}

function refusalOf(role: string, error: RecentError, {snapshot}: Context): Finding {
  const sessions = snapshot.backends.filter(({usename}) => usename === role);
  const begun_ms = Math.max(0, ...sessions.map(({backend_start}) => Date.parse(backend_start ?? '') || 0));
  const isOpen = begun_ms >= Date.parse(error.first_at ?? '');
  return {
    recipe: 'refused-logins',
    severity: isOpen ? 'warning' : 'critical',
    subject: `role:${role}/logins`,
    summary: `new connections of role ${role} are refused: ${nameError(error)}`,
    evidence: {role, sessions: sessions.length, sqlstate: error.sqlstate, refused: error.count},
    cause: 'refused-logins',
    harm: {kind: 'failing', sessions: Math.max(1, sessions.length), share: 1, since: error.first_at},
    explains: [],
    confidence: 'certain',
    reasons: [
      sessions.length === 0
        ? `No session of ${role} is left.`
        : `${counted(sessions.length, 'session')} of ${role} ${sessions.length === 1 ? 'is' : 'are'} open${isOpen ? ', some of them begun since: other clients of it get in' : ', all begun before'}.`,
    ],
    acts: [
      advice(adviceFor(error.sqlstate), {frees: `new connections of ${role}, at once`, costs: 'nothing'}),
    ],
  };
}

function adviceFor(sqlstate: string | null): string {
  if (sqlstate === '28P01')
    return 'give the application the password that the server has, or set the one that it uses';
  if (sqlstate === '3D000') return "correct the database in the application's URL, or create it";
  return 'see which line of pg_hba.conf is for it (pg_hba_file_rules also lists lines with an error), and reload the configuration';
}
