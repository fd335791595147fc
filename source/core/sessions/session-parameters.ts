import type {Parameter, ParameterValues} from '../../model/recipe.ts';
import type {Backend, BackendState, Snapshot} from '../../model/snapshot.ts';
import {backendStates} from '../activity/backend-states.ts';
import {usageError} from '../errors.ts';
import {
  readCount,
  readDuration,
  readInteger,
  readList,
  readText,
  readValues,
  writeText,
} from '../recipe/parameters.ts';
import {didYouMean} from '../text/nearest.ts';
import {redactSecrets} from '../text/redact.ts';

export type NamedSession = {pid: number; backend_start: string | null};

/** The sessions a recipe acts on; null: any. */
export type SessionCriteria = {
  older_than_ms: number;
  states: readonly BackendState[];
  application: string | null;
  role: string | null;
  database: string | null;
  client: string | null;
  at_most: number | null;
  /** Sessions named by pid; null: the other criteria select them. */
  named: NamedSession[] | null;
};

export const pidParameter: Parameter = {
  name: 'pid',
  description: 'Sessions by pid, comma-separated: 4711,4712',
  kind: 'pids',
  default: '',
  suggest: snapshot => snapshot.backends.map(({pid}) => String(pid)),
};

/** Filters of the recipes that act on many sessions. */
export const filterParameters: Parameter[] = [
  textParameter(
    'application',
    'Only sessions with this application_name; "" matches an empty one',
    ({application_name}) => writeText(application_name),
  ),
  textParameter('role', 'Only sessions of this role', ({usename}) =>
    usename === null ? null : writeText(usename),
  ),
  textParameter('database', 'Only sessions in this database', ({datname}) =>
    datname === null ? null : writeText(datname),
  ),
  textParameter(
    'client',
    'Only sessions from this client address; local is the Unix socket',
    ({client_addr}) => (client_addr === null ? 'local' : client_addr),
  ),
  {
    name: 'at_most',
    description: 'Maximum number of sessions',
    kind: 'integer',
    default: '',
    check: text => readCount('at_most', text),
  },
];

/** Throws AbortError (exit 2) for an unknown parameter or an invalid value. */
export function readCriteria(params: ParameterValues, parameters: readonly Parameter[]): SessionCriteria {
  const read = readValues(params, parameters);
  const application = readText(read('application'));
  return {
    older_than_ms: readDuration('older_than', read('older_than')),
    states: readStates(read('states')),
    // Names in a snapshot are redacted.
    application: application === null ? null : redactSecrets(application),
    role: readText(read('role')),
    database: readText(read('database')),
    client: readText(read('client')),
    at_most: readCount('at_most', read('at_most')),
    named: readPids(read('pid')),
  };
}

/** Throws AbortError (exit 2) if no session is named by pid. */
export function requireNamed(criteria: SessionCriteria): SessionCriteria {
  if (criteria.named === null) throw usageError('pid is not set', 'name them: --set pid=4711,4712');
  return criteria;
}

/** Whether a session matches. `older_than_ms` does not apply to named or hidden sessions. */
export function matchesCriteria(backend: Backend, criteria: SessionCriteria): boolean {
  const {application, role, database, client} = criteria;
  return (
    (application === null || backend.application_name === application) &&
    (role === null || backend.usename === role) &&
    (database === null || backend.datname === database) &&
    (client === null || (backend.client_addr ?? 'local') === client) &&
    (criteria.named !== null || isHidden(backend) || (backend.state_age_ms ?? 0) >= criteria.older_than_ms)
  );
}

function isHidden({state}: Backend): boolean {
  return state === null;
}

function textParameter(
  name: string,
  description: string,
  read: (backend: Backend) => string | null,
): Parameter {
  return {
    name,
    description,
    kind: 'text',
    default: '',
    suggest: (snapshot: Snapshot) => [
      ...new Set(snapshot.backends.map(read).filter(value => value !== null)),
    ],
  };
}

function readStates(text: string): BackendState[] {
  return readList(text).map(name => {
    const state = backendStates.find(each => each === name.toLowerCase());
    if (state === undefined)
      throw usageError(`states: unknown state "${name}"`, `the states are ${backendStates.join(', ')}`);
    return state;
  });
}

function readPid(word: string, digits: string): number {
  try {
    return readInteger('pid', digits, 1);
  } catch {
    throw usageError(`pid: "${word}" is not a pid`, 'write pid=4711,4712');
  }
}

function readPids(text: string): NamedSession[] | null {
  const words = text.split(/[\s,]+/).filter(word => word !== '');
  if (words.length === 0) return null;
  return words.map(word => {
    const [digits = '', backend_start = ''] = word.split('@', 2);
    return {pid: readPid(word, digits), backend_start: backend_start || null};
  });
}

type Name = 'role' | 'application' | 'database';

/** Reports criteria that match no session, so that a typo does not look like an all-clear. */
export function absentNames(backends: readonly Backend[], criteria: Pick<SessionCriteria, Name>): string[] {
  return (['role', 'application', 'database'] as const).flatMap(by => {
    const name = criteria[by];
    return name === null || namesOf(backends, by).includes(name) ? [] : [absence(by, name, backends)];
  });
}

/** `No session of role shop_ap now: did you mean "shop_app"?` */
export function absence(by: string, name: string, backends: readonly Backend[]): string {
  const near = didYouMean(name, namesOf(backends, by).filter(Boolean));
  return `No session of ${by} ${name || '""'} now${near || '.'}`;
}

function namesOf(backends: readonly Backend[], by: string): string[] {
  const names = backends.map(({usename, application_name, datname}) =>
    by === 'role' ? usename : by === 'database' ? datname : application_name,
  );
  return [...new Set(names.map(name => name ?? ''))];
}
