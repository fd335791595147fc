import {describe, expect, it} from 'vitest';
import type {StepLine} from '../../../source/core/engine/step-preview.ts';
import {hasFolded, stepLines, stepText, titleBeside} from '../../../source/core/engine/step-preview.ts';
import {buildGuard} from '../../../source/core/indexes/index-guards.ts';
import type {SqlStep, Step} from '../../../source/model/step.ts';

const verify: SqlStep['verify'] = {
  query: {text: 'SELECT 1 AS n', values: []},
  expect: {column: 'n', op: '=', value: 1},
};
const build: SqlStep = {
  kind: 'sql',
  title: 'build orders_idx',
  subject: 'table:orders',
  guard: {query: {text: 'SELECT $1 AS guard', values: ['x']}, expect: {column: 'guard', op: '=', value: 'x'}},
  settings: {lock_timeout: '5min'},
  apply: {text: 'CREATE INDEX CONCURRENTLY orders_idx\nON orders (id)', values: []},
  cleanup: {guard: verify, apply: {text: 'DROP INDEX CONCURRENTLY orders_idx', values: []}},
  undo: {apply: {text: 'SELECT undo($1)', values: [7]}, verify},
  verify,
  lock: 'share',
  transaction: false,
  timeout_ms: 0,
};
const end = (pid: number): SqlStep => ({
  kind: 'sql',
  title: `end ${pid}`,
  subject: `backend:${pid}`,
  apply: {text: 'SELECT end($1)', values: [pid]},
  undo: 'irreversible',
  verify,
  lock: 'none',
  transaction: false,
  timeout_ms: 1000,
});

it('a preview shows everything that is sent, in order', () => {
  expect(stepLines(build)).toEqual([
    {kind: 'guard', text: 'only if SELECT $1 AS guard with $1 = "x" returns guard = "x"'},
    {kind: 'setting', text: "SET lock_timeout = '5min'"},
    {kind: 'statement', text: 'CREATE INDEX CONCURRENTLY orders_idx'},
    {kind: 'statement', text: 'ON orders (id)'},
    {kind: 'verify', text: 'verified by SELECT 1 AS n returns n = 1'},
    {kind: 'cleanup', text: 'if it fails: DROP INDEX CONCURRENTLY orders_idx'},
    {kind: 'cleanup', text: 'if it fails: only if SELECT 1 AS n returns n = 1'},
    {kind: 'undo', text: 'no time limit; lock: share; undo: SELECT undo($1) with $1 = 7'},
    {kind: 'undo', text: 'undo verified by SELECT 1 AS n returns n = 1'},
  ]);
});

it('a preview distinguishes an unneeded undo from an irreversible step', () => {
  const said = (undo: SqlStep['undo']) => stepLines({...build, undo}).at(-1);
  expect(said('unneeded')).toEqual({kind: 'unneeded', text: 'no time limit; lock: share; needs no undo'});
  expect(said('irreversible')).toEqual({
    kind: 'irreversible',
    text: 'no time limit; lock: share; cannot be undone',
  });
});

describe('a guard longer than two lines', () => {
  const guard = buildGuard({schema: 'public', name: 'orders_idx', table: 'orders', table_oid: '1'});
  const compared: SqlStep['guard'] = {
    query: {text: `SELECT ${'x'.repeat(160)}`, values: []},
    expect: {column: 'value', op: '=', value: null},
  };

  it('is replaced by its description; nothing else is folded', () => {
    const folded = {
      kind: 'folded',
      text: 'only if not: the table has changed since the preview; that name is taken; another poolctl is building or dropping an index here',
    };
    const [first, ...others] = stepLines({...build, guard}, {isFolded: true});
    expect(first).toEqual(folded);
    // Guards and verifications of cleanup and undo unfold with the same key.
    const isBehind = ({text}: StepLine) => /^(?:undo|if it fails: only)/.test(text);
    expect(others).toEqual(
      stepLines(build)
        .slice(1)
        .filter(line => !isBehind(line)),
    );
    expect(stepLines({...build, guard: compared}, {isFolded: true})[0]?.text).toBe('only if value = null');
    // Without a key to unfold it, nothing is folded.
    expect(stepText({...build, guard}, undefined).body.slice(0, 2)).toEqual([
      folded.text,
      'only if SELECT CASE',
    ]);
  });

  it('is shown in full on request', () => {
    const whole = stepLines({...build, guard}).filter(({kind}) => kind === 'guard');
    expect(whole).toHaveLength(guard.query.text.split('\n').length);
  });

  it('counts as foldable, a shorter one does not', () => {
    const {cleanup: _, ...short} = {...build, undo: 'unneeded' as const};
    expect(hasFolded([short])).toBe(false);
    expect(hasFolded([short, {...short, guard}])).toBe(true);
    expect(hasFolded([build])).toBe(true);
  });
});

it('a preview prints only the values of steps similar to the previous one', () => {
  const whole = [
    'SELECT end($1)',
    '$1 = 1',
    'verified by SELECT 1 AS n returns n = 1',
    'at most 1.00s; lock: none; cannot be undone',
  ];
  expect(stepText(end(1), build)).toEqual({head: 'end 1', body: whole});
  expect(stepText(end(2), end(1))).toEqual({head: null, body: ['$1 = 2']});
});

it('a preview keeps the signs of a diff and the lines of advice', () => {
  const change = {kind: 'replace', before: 'a', after: 'b'} as const;
  const file: Step = {kind: 'file', title: 't', subject: 's', path: '.env', change, diff: ['-a', '+b']};
  expect(stepText(file, undefined)).toEqual({head: 't', body: ['.env', '-a', '+b']});
  const advice: Step = {kind: 'advice', title: 't', subject: 's', text: 'one\ntwo'};
  expect(stepText(advice, undefined)).toEqual({head: 't', body: ['one', 'two']});
});

it("a preview does not repeat a session's description from the explanation", () => {
  const step = {
    ...end(4711),
    title: 'terminate 4711 ((no name)/app idle in transaction (aborted)) if it blocks',
  };
  const described = '4711 (no name)/app idle in transaction (aborted) for 3s';
  expect(titleBeside(step, ['1 session:', described])).toBe('terminate 4711 if it blocks');
  expect(titleBeside(step, [described.replace('4711', '47')])).toBe(step.title);
  expect(titleBeside(build, ['orders build orders_idx'])).toBe(build.title);
});

describe('hidden characters in a statement', () => {
  const runbook = (text: string): SqlStep => ({...end(1), apply: {text, values: []}});
  const shown = (text: string) =>
    stepLines(runbook(text)).flatMap(({kind, text: line}) => (kind === 'statement' ? [line] : []));

  it.each([
    ['DELETE FROM t WHERE id = 1 -- one row\rOR true', ['DELETE FROM t WHERE id = 1 -- one row␍', 'OR true']],
    ['SELECT 1\r\n\tFROM t', ['SELECT 1', '  FROM t']],
    ["SELECT 'a\u001b[2Kb\u0008c\td\u007f'", ["SELECT 'a␛[2Kb␈c␉d␡'"]],
    ["SELECT 'a\u202eb\u200bc\u00a0d\u2028e'", ["SELECT 'a<U+202E>b<U+200B>c<U+00A0>d<U+2028>e'"]],
  ])('are shown: %j', (text, lines) => expect(shown(text)).toEqual(lines));

  it('are visible in guards, values, settings and undo too, and secrets are masked', () => {
    const hiding = {query: {text: 'SELECT 1 -- x\rOR true', values: ['a\u009bb']}, expect: verify.expect};
    const secret = {text: "ALTER ROLE a PASSWORD 'hush'", values: []};
    const step = {
      ...build,
      guard: hiding,
      settings: {a: 'b\rc'},
      apply: secret,
      undo: {apply: secret, verify: hiding},
    };
    const text = stepLines(step).map(line => line.text);
    expect(text.join('\n')).not.toMatch(/hush|[\r\u0080-\u009f]/);
    expect(text.join('\n').match(/␍\nOR true/g)).toHaveLength(2);
    expect(text).toContain("ALTER ROLE a PASSWORD '***'");
  });
});
