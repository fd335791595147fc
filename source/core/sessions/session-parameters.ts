import type {Parameter, ParameterValues} from '../../model/parameter.ts';
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

/** Which sessions a recipe is to act on; null is "whichever". */
export type SessionCriteria = {
  older_than_ms: number;
  states: readonly BackendState[];
  application: string | null;
  role: string | null;
  database: string | null;
  client: string | null;
  at_most: number | null;
  /** Named one by one; null where sessions are chosen by the rest. */
  named: NamedSession[] | null;
};

export const pidParameter: Parameter = {
  name: 'pid',
  description: 'Sessions by pid, comma-separated: 4711,4712',
  kind: 'pids',
  default: '',
  suggest: snapshot => snapshot.backends.map(({pid}) => String(pid)),
};

/** Narrowing to some sessions, the same in every recipe that acts on many. */
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

/** Throws AbortError (exit 2) on a name the recipe does not have or a value that cannot be read. */
export function readCriteria(params: ParameterValues, parameters: readonly Parameter[]): SessionCriteria {
  const read = readValues(params, parameters);
  const application = readText(read('application'));
  return {
    older_than_ms: readDuration('older_than', read('older_than')),
    states: readStates(read('states')),
    // A snapshot has names without their secrets.
    application: application === null ? null : redactSecrets(application),
    role: readText(read('role')),
    database: readText(read('database')),
    client: readText(read('client')),
    at_most: readCount('at_most', read('at_most')),
    named: readPids(read('pid')),
  };
}

/** For recipes that act on nobody who is not named. */
export function requireNamed(criteria: SessionCriteria): SessionCriteria {
  if (criteria.named === null) throw usageError('pid is not set', 'name them: --set pid=4711,4712');
  return criteria;
}

/** Whether a session is one of those meant. A named one is, however young; a hidden one may be. */
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

/** Names that no session bears: a slip must not read as an all-clear, and neither must a session that is gone. */
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
