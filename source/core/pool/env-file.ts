import type {EnvFile} from '../../model/application.ts';
import type {QueryEdit} from '../../model/step.ts';
import {
  findVariable,
  isAmbiguousUrl,
  maskUrl,
  queryEdits,
  readAddress,
  readParameters,
  setUrlQuery,
} from './env-text.ts';

/** The URL parameters that configure a pool; others are not read. */
const poolParameters = [
  'connection_limit',
  'pool_timeout',
  'connect_timeout',
  'socket_timeout',
  'pgbouncer',
  'schema',
  'max',
  'connectionTimeoutMillis',
  'idleTimeoutMillis',
];

/** Reads the variable of an .env file's text; `text` null: the file does not exist. */
export function readEnvFile(path: string, variable: string, text: string | null): EnvFile {
  const refuse = (problem: string): EnvFile => ({
    path,
    variable,
    problem,
    masked_line: '',
    address: null,
    parameters: {},
  });
  if (text === null) return refuse('the file does not exist');
  const found = findVariable(text, variable);
  if (found === null) return refuse(`it must set ${variable} exactly once`);
  const {value, start, line_start} = found;
  if (!/^(?:postgres(?:ql)?|prisma\+postgres):\/\//.test(value)) {
    return refuse(`${variable} in it is not a postgresql:// URL`);
  }
  if (isAmbiguousUrl(value)) {
    return refuse(`the URL in ${variable} has an @ in its password or its parameters: write it as %40`);
  }
  const all = readParameters(value);
  return {
    path,
    variable,
    problem: null,
    // The rest of the line, such as a comment, is not shown.
    masked_line: `${text.slice(line_start, start)}${maskUrl(value, poolParameters)}${closingQuote(text, start)}`,
    address: readAddress(value),
    parameters: Object.fromEntries(
      poolParameters.flatMap(name => (all.has(name) ? [[name, all.get(name) ?? '']] : [])),
    ),
  };
}

/** The edits that set these URL parameters, and the two lines of a diff; no edits if they are set. */
export function envChange(
  {masked_line, variable}: EnvFile,
  wanted: Readonly<Record<string, string>>,
): {edits: QueryEdit[]; diff: string[]} {
  // The masked URL has its pool parameters and all separators unchanged.
  const edits = queryEdits(findVariable(masked_line, variable)?.value ?? '', wanted);
  const changed = setUrlQuery(masked_line, {variable, edits});
  return {edits, diff: [`-${masked_line}`, `+${changed ?? masked_line}`]};
}

function closingQuote(text: string, start: number): string {
  const before = text.charAt(start - 1);
  return /["'`]/.test(before) ? before : '';
}
