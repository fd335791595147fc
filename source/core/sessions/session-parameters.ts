import type {Parameter, ParameterValues} from '../../model/recipe.ts';
import type {Backend, BackendState, Snapshot} from '../../model/snapshot.ts';
import {type AbortError, usageError} from '../errors.ts';
import {thresholds} from '../health/thresholds.ts';
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
import {backendStates} from './session.ts';

export type NamedSession = {pid: number; backend_start: string | null};

/** The sessions a recipe acts on; null: any. */
export type SessionCriteria = {
  older_than_ms: number;
  states: readonly BackendState[];
  application: string | null;
  role: string | null;
  database: string | null;
  /** Client addresses, `local` for the Unix socket. */
  clients: string[] | null;
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
    'Only sessions from these client addresses, comma-separated; local is the Unix socket',
    clientOf,
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
    clients: readClients(read('client')),
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
  const {application, role, database, clients} = criteria;
  return (
    (application === null || backend.application_name === application) &&
    (role === null || backend.usename === role) &&
    (database === null || backend.datname === database) &&
    (clients === null || clients.includes(clientOf(backend))) &&
    (criteria.named !== null || isHidden(backend) || (backend.state_age_ms ?? 0) >= criteria.older_than_ms)
  );
}

/** A session's client address as the parameter has it. */
export function clientOf({client_addr}: Pick<Backend, 'client_addr'>): string {
  return client_addr ?? 'local';
}

function readClients(text: string): string[] | null {
  const clients = readList(text);
  return clients.length === 0 ? null : clients;
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

/** Maximum run time of each statement class. */
export const classLimitsMs = {
  simple: thresholds.simple_statement_ms.warning,
  standard: thresholds.standard_statement_ms.warning,
  complex: thresholds.complex_statement_ms.warning,
  report: thresholds.report_statement_ms.warning,
} as const;

export type StatementClass = keyof typeof classLimitsMs;

/** From the shortest to the longest. */
export const statementClasses = Object.keys(classLimitsMs) as StatementClass[];

/** Selects statements by role, application_name or words of the statement. `*` matches anything. */
export type Selector = {by: 'role' | 'application' | 'pattern'; glob: string};

export type ClassRules = {
  selectors: Record<StatementClass, Selector[]>;
  /** The class of all other statements; null skips them. */
  otherwise: StatementClass | null;
};

/** Parses `role:web, pattern:count(*`. Throws AbortError (exit 2) if it is invalid. */
export function readSelectors(name: string, text: string): Selector[] {
  return readList(text).map(word => {
    const [, by, glob] = /^(role|application|pattern):\s*(.+)$/is.exec(word) ?? [];
    if (by === undefined || glob === undefined) throw noSelector(name, word);
    return {by: by.toLowerCase() as Selector['by'], glob};
  });
}

function noSelector(name: string, word: string): AbortError {
  return usageError(
    `${name}: "${word}" is not a selector`,
    'write role:NAME, application:NAME or pattern:WORDS, comma-separated',
  );
}

/** The class with the longest limit that matches; null if none does. */
export function classOf(backend: Backend, {selectors, otherwise}: ClassRules): StatementClass | null {
  const fits = (name: StatementClass) => selectors[name].some(selector => matches(backend, selector));
  return statementClasses.findLast(fits) ?? otherwise;
}

/** Selectors of a role or application that no session has. */
export function absentSelectors({selectors}: ClassRules, backends: readonly Backend[]): Selector[] {
  return Object.values(selectors)
    .flat()
    .filter(selector => selector.by !== 'pattern' && !backends.some(each => matches(each, selector)));
}

function matches({usename, application_name, query}: Backend, {by, glob}: Selector): boolean {
  if (by === 'role') return globOf(`^${regexOf(glob)}$`).test(usename ?? '');
  if (by === 'application') return globOf(`^${regexOf(glob)}$`).test(application_name);
  return globOf(regexOf(glob.replace(/\s+/g, ' '))).test((query ?? '').replace(/\s+/g, ' '));
}

function globOf(pattern: string): RegExp {
  return new RegExp(pattern, 'is');
}

function regexOf(glob: string): string {
  return glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
}
