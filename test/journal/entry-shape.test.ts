import {expect, it} from 'vitest';
import {isEntry} from '../../source/journal/chain.ts';

const query = {text: 'SELECT 1 AS value', values: []};
const verify = {query, expect: {column: 'value', op: '=', value: 1}};
const undo = {apply: {text: 'ALTER ROLE r RESET lock_timeout', values: []}, verify};
const sql = {
  kind: 'sql',
  title: 'set',
  subject: 'role:r',
  apply: {text: "ALTER ROLE r SET lock_timeout = '3s'", values: []},
  undo,
  verify,
  lock: 'none',
  transaction: true,
  timeout_ms: 5000,
};
const file = {
  kind: 'file',
  title: 'change',
  subject: 'file:.env',
  path: '/a/.env',
  change: {kind: 'replace', before: 'a', after: 'b'},
  diff: ['-a', '+b'],
};
const common = {
  schema_version: 1,
  seq: 1,
  at: '2026-11-27T15:52:31.766Z',
  hash: 'h',
  previous: 'p',
  actor: 'a@b',
  target: 't',
  run: 'r',
};
const intentOf = (content: unknown) => ({...common, event: 'intent', step: 0, content});
const run = {...common, event: 'run', recipe: 'set-timeouts', params: {}, step_count: 1, before: {}};
const outcome = {...common, event: 'outcome', step: 0, outcome: 'verified'};

it.each([
  ['an SQL step', intentOf(sql)],
  ['one without an undo', intentOf({...sql, undo: 'irreversible'})],
  ['one whose undo has an undo', intentOf({...sql, undo: {...undo, undo}})],
  ['a file step', intentOf(file)],
  [
    'one of an older journal',
    intentOf({...file, change: {kind: 'url_parameters', variable: 'URL', before: {}, after: {}}}),
  ],
  ['a run of an older journal, without process and server', run],
  ['an outcome', outcome],
])('accepts %s', (_, entry) => {
  expect(isEntry(entry)).toBe(true);
});

it.each([
  ['empty content', intentOf({})],
  ['content that is a list', intentOf([])],
  ['a step of an unknown kind', intentOf({...sql, kind: 'shell'})],
  ['a step without an undo', intentOf({...sql, undo: undefined})],
  ['an undo that is only a statement', intentOf({...sql, undo: undo.apply})],
  ['an undo without a verification', intentOf({...sql, undo: {apply: undo.apply}})],
  ['a statement that is a number', intentOf({...sql, undo: {...undo, apply: {text: 5, values: []}}})],
  ['values that are not a list', intentOf({...sql, apply: {text: 'SELECT 1', values: {length: 1}}})],
  ['an unknown operator', intentOf({...sql, verify: {query, expect: {column: 'a', op: 'like', value: 1}}})],
  ['a negative time limit', intentOf({...sql, timeout_ms: -1})],
  ['a time limit beyond integers', intentOf({...sql, timeout_ms: 1e300})],
  ['a transaction that is a text', intentOf({...sql, transaction: 'x'})],
  ['a change of an unknown kind', intentOf({...file, change: {kind: 'remove-all'}})],
  ['a negative step', {...outcome, step: -1}],
  ['a step that is a text', {...outcome, step: '0'}],
  [
    'a process whose pid is a text',
    {...run, process: {host: '', boot: '', pid_namespace: '', pid: '1', start: ''}},
  ],
  ['a run without parameters', {...run, params: null}],
  ['an event of the prototype', {...run, event: 'constructor'}],
  ['an unknown event', {...run, event: 'shell'}],
])('refuses %s', (_, entry) => {
  expect(isEntry(entry)).toBe(false);
});
