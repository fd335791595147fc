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

/** Parameters of the URL that say how a pool behaves; the rest is nobody's business here. */
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

/** Reads the variable of an .env file's text; `text` is null where there is no such file. */
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
    // What stands behind the value, a comment perhaps, is nothing to show.
    masked_line: `${text.slice(line_start, start)}${maskUrl(value, poolParameters)}${closingQuote(text, start)}`,
    address: readAddress(value),
    parameters: Object.fromEntries(
      poolParameters.flatMap(name => (all.has(name) ? [[name, all.get(name) ?? '']] : [])),
    ),
  };
}

/** What makes the file's URL say so, and the two lines of a diff; no edit where it says so already. */
export function envChange(
  {masked_line, variable}: EnvFile,
  wanted: Readonly<Record<string, string>>,
): {edits: QueryEdit[]; diff: string[]} {
  // Its pool parameters and the marks between all parameters stand in the masked URL as they are written.
  const edits = queryEdits(findVariable(masked_line, variable)?.value ?? '', wanted);
  const changed = setUrlQuery(masked_line, {variable, edits});
  return {edits, diff: [`-${masked_line}`, `+${changed ?? masked_line}`]};
}

function closingQuote(text: string, start: number): string {
  const before = text.charAt(start - 1);
  return /["'`]/.test(before) ? before : '';
}
