import type {RefusedRole} from '../../../model/assessment-facts.ts';
import type {Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {counted} from '../../text/format.ts';
import type {Context} from '../context.ts';
import {advice} from './failing-part.ts';

/**
 * Roles that still have sessions, and whose new logins the server refuses: each session that ends is lost to its application. A role
 * without a session is one that was retired. Logins that do not need a password go on after its end: a session begun later shows that.
 */
export function examineLogins({snapshot, facts}: Context): Finding[] {
  return (facts.refused_roles ?? []).flatMap(role => {
    const sessions = snapshot.backends.filter(({usename}) => usename === role.name);
    return sessions.length > 0 && isRefused(role, sessions, snapshot.at) ? [findingOf(role, sessions)] : [];
  });
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
