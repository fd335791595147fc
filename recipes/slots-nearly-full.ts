import {thresholds} from '../source/core/health/thresholds.ts';
import {quoteIdentifier} from '../source/core/sql/quote.ts';
import {formatRatio} from '../source/core/text/format.ts';
import type {Finding, Recipe} from '../source/model/recipe.ts';
import type {BudgetGroup, Snapshot} from '../source/model/snapshot.ts';

const {warning, critical} = thresholds.used_ratio;

const recipe: Recipe = {
  id: 'slots-nearly-full',
  title: 'Connection slots nearly full',
  summary:
    'Reports a server, role or database that runs out of connections, and which application holds most; changes nothing',
  parameters: [],
  diagnose: snapshot => [...serverFindings(snapshot), ...ownLimitFindings(snapshot)],
};
export default recipe;

function serverFindings({budget}: Snapshot): Finding[] {
  if (budget.usable === 0 || budget.used_ratio < warning) return [];
  const [largest] = budget.groups;
  const holder = largest
    ? `; ${largest.application_name || '(no name)'}/${largest.usename} has ${largest.count}`
    : '';
  return [
    {
      recipe: recipe.id,
      severity: budget.used_ratio >= critical ? 'critical' : 'warning',
      subject: 'server',
      summary: `${budget.used} of ${budget.usable} slots are in use (${formatRatio(budget.used_ratio, 0)})${holder}`,
      evidence: {
        used: budget.used,
        usable: budget.usable,
        headroom: budget.headroom,
        largest_application: largest ? largest.application_name || '(no name)' : null,
        largest_role: largest?.usename ?? null,
        largest_count: largest?.count ?? null,
        ...(largest && freedNow(largest)),
        advice: `use fewer connections per application instance, or a pooler: ${tuning(largest)}, where N is the number of instances`,
      },
    },
  ];
}

/** Ending idle sessions frees slots until the application reconnects. */
function freedNow({idle, idle_in_transaction}: BudgetGroup): Finding['evidence'] {
  if (idle + idle_in_transaction === 0) return {};
  const states = idle_in_transaction === 0 ? ' --set states=idle' : '';
  return {frees_slots_now: `poolctl run kill-idle-sessions${states} --dry-run`};
}

function tuning(largest: BudgetGroup | undefined): string {
  const role = largest?.usename ? ` --set role=${shellWord(largest.usename)}` : '';
  return `poolctl run tune-connection-limit${role} --set instances=N`;
}

/** Quoted for a POSIX shell. */
function shellWord(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The server refuses connections beyond a role's or database's own limit, even if slots are free. */
function ownLimitFindings({budget}: Snapshot): Finding[] {
  return budget.role_and_database_limits
    .filter(({connection_limit, used}) => connection_limit > 0 && used / connection_limit >= warning)
    .map(({kind, name, connection_limit, used}) => ({
      recipe: recipe.id,
      severity: used / connection_limit >= critical ? 'critical' : 'warning',
      subject: `${kind}:${name}`,
      summary: `${kind} ${name} uses ${used} of its CONNECTION LIMIT ${connection_limit}, regardless of free slots on the server`,
      evidence: {
        used,
        connection_limit,
        advice: `ALTER ${kind.toUpperCase()} ${quoteIdentifier(name)} CONNECTION LIMIT n`,
      },
    }));
}
