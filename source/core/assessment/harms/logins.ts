import type {RefusedRole} from '../../../model/assessment-facts.ts';
import type {Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {quoteIdentifier} from '../../sql/quote.ts';
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
  const left = `${counted(sessions.length, 'session')} of ${name} ${sessions.length === 1 ? 'is' : 'are'} left; a session that ends cannot be replaced: do not restart anything before this is fixed.`;
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
          ? loginAdvice(name)
          : `set a new password, or ALTER ROLE ${quoteIdentifier(name)} VALID UNTIL 'infinity'`,
        {
          frees: `new connections of ${name} succeed immediately`,
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
  const byRole = [...groupBy(refused, roleIn)].filter(([role]) => role !== '');
  const isKnown = (role: string, errors: RecentError[]) =>
    errors.some(provesRole) || hasBeenSeen(role, context);
  return [
    ...byRole.flatMap(([role, errors]) =>
      isKnown(role, errors) ? errors.slice(0, 1).map(most => refusalOf(role, most, context)) : [],
    ),
    ...unknownNames(new Map(byRole.filter(([role, errors]) => !isKnown(role, errors)))),
  ];
}

/** A person who mistypes a password, or a scan, is refused less often than an application that tries again. */
const leastRefused = 5;
/** The log is read again every 15 s while a finding rests on it. */
const lately_ms = 30_000;

function roleIn({message, usename}: RecentError): string {
  return usename ?? /\b(?:user|role) "([^"]+)"/.exec(message)?.[1] ?? '';
}

/** It is refused after its role was found. Other refusals have any name that a client sent. */
function provesRole({sqlstate, message}: RecentError): boolean {
  return sqlstate === '3D000' || isNoLogin(message);
}

function isNoLogin(message: string): boolean {
  return /\bis not permitted to log in\b/.test(message);
}

function hasBeenSeen(role: string, {snapshot, samples}: Context): boolean {
  return (
    snapshot.backends.some(({usename}) => usename === role) ||
    samples.some(({pools}) => pools.some(({usename}) => usename === role))
  );
}

/** Names of no session lately: an application that has lost all of its own, or a client that guesses. One finding for all. */
function unknownNames(byRole: ReadonlyMap<string, RecentError[]>): Finding[] {
  const names = [...byRole.keys()];
  const errors = [...byRole.values()].flat();
  const [role, most] = [names[0], errors[0]];
  if (role === undefined || most === undefined) return [];
  const isOne = names.length === 1;
  const who = isOne ? `role ${role}` : `${role} and ${counted(names.length - 1, 'more name')}`;
  return [
    {
      recipe: 'refused-logins',
      severity: 'warning',
      subject: isOne ? `role:${role}/logins` : 'server/logins',
      summary: `new connections of ${who} are refused: ${nameError(most)}`,
      evidence: {
        ...{role, names: names.length, sessions: 0, sqlstate: most.sqlstate},
        refused: errors.reduce((sum, {count}) => sum + count, 0),
      },
      cause: 'refused-logins',
      harm: {kind: 'failing', sessions: 1, share: 1, since: most.first_at},
      explains: [],
      confidence: 'possible',
      reasons: [
        `No session of ${who} was seen in the snapshots: it is an application that cannot log in, or a client that guesses names and passwords.`,
      ],
      acts: [
        advice(adviceFor(role, most), {
          frees: `new connections of ${who} succeed, if that is an application`,
          costs: 'no side effects',
        }),
      ],
    },
  ];
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
      advice(adviceFor(role, error), {
        frees: `new connections of ${role} succeed immediately`,
        costs: 'no side effects',
      }),
    ],
  };
}

function adviceFor(role: string, {sqlstate, message}: RecentError): string {
  if (sqlstate === '28P01')
    return 'give the application the password that the server has, or set the one that it uses';
  if (sqlstate === '3D000') return "correct the database in the application's URL, or create it";
  if (isNoLogin(message)) return loginAdvice(role);
  if (/\brole ".*" does not exist\b/.test(message))
    return "correct the role in the application's URL, or create it";
  return 'see which line of pg_hba.conf is for it (pg_hba_file_rules also lists lines with an error), and reload the configuration';
}

function loginAdvice(role: string): string {
  return `ALTER ROLE ${quoteIdentifier(role)} LOGIN, or give the application the role that replaces it`;
}
