import {describe, expect, it} from 'vitest';
import {isWithheld, wasRedacted, withoutSecretUndo} from '../../source/core/engine/step.ts';
import {redactDeep} from '../../source/core/text/redact.ts';
import {redactDraft} from '../../source/journal/chain.ts';
import type {JournalDraft} from '../../source/model/journal-entry.ts';
import type {FileStep, Sql, SqlStep, Step} from '../../source/model/step.ts';

const plain = sql('SELECT 1');
const secret = sql("CREATE INDEX CONCURRENTLY i ON t (a) WHERE password = 'hush'");

describe('journaled', () => {
  it.each([
    "CREATE INDEX i ON t ((payload->>'password'))",
    "CREATE INDEX i ON t (a) WHERE b = 'a\u001bb\tc\u202e'",
    'DROP INDEX "public"."password=x"',
  ])('keeps executable text byte for byte: %s', text => {
    const step = stepOf({apply: sql(text), undo: {apply: sql(text), verify: verification(plain)}});
    expect(contentOf(step)).toEqual(step);
  });

  it('withholds what contains a secret and keeps the rest', () => {
    const stored = contentOf(stepOf({apply: secret}));
    expect(stored).toMatchObject({
      apply: {text: '', values: [], withheld: true},
      undo: {apply: plain, verify: verification(plain)},
    });
    expect(JSON.stringify(stored)).not.toContain('hush');
    expect(contentOf(stored)).toEqual(stored);
  });

  it.each([
    ['its statement', {apply: secret, verify: verification(plain)}],
    ['its guard', {apply: plain, verify: verification(plain), guard: verification(secret)}],
    ['a value', {apply: plain, verify: verification({text: 'SELECT $1', values: [secret.text]})}],
    [
      'a value beside its name',
      {apply: {text: 'UPDATE t SET password = $1', values: ['hush']}, verify: verification(plain)},
    ],
    ['a setting', {apply: plain, verify: verification({text: 'SELECT $1', values: ['app.secret=hush']})}],
    [
      'what is expected',
      {apply: plain, verify: {query: plain, expect: {column: 'secret', op: '=' as const, value: 'hush'}}},
    ],
  ])('withholds an undo with a secret in %s, whose step was planned as irreversible', (_, undo) => {
    const step = stepOf({undo});
    expect(withoutSecretUndo(step)).toMatchObject({undo: 'irreversible', holds_secret: true});
    expect(contentOf(step)).toMatchObject({undo: 'irreversible', holds_secret: true});
    expect(JSON.stringify(contentOf(step))).not.toContain('hush');
  });

  it('withholds a file change that contains a secret', () => {
    const step: FileStep = {
      ...{kind: 'file', title: 't', subject: 's', path: '.env', diff: ['-URL=postgres://u:hush@h']},
      change: {kind: 'replace', before: 'postgres://u:hush@h', after: 'x'},
    };
    expect(withoutSecretUndo(step)).toMatchObject({holds_secret: true, change: step.change});
    expect(contentOf(step)).toMatchObject({holds_secret: true, change: {kind: 'withheld'}});
    expect(JSON.stringify(contentOf(step))).not.toContain('hush');
  });

  it('redacts text that is only shown', () => {
    const step = stepOf({title: "run ALTER ROLE a PASSWORD 'hush'"});
    expect(contentOf(step)).toMatchObject({title: 'run ALTER ROLE a PASSWORD ***'});
    const end = {event: 'end', status: 'failed', reason: 'password=hush', after: {}} as const;
    expect(redactDraft({...head, ...end})).toMatchObject({reason: 'password=***'});
  });
});

describe('wasRedacted', () => {
  it.each([
    ["CREATE INDEX i ON t (a) WHERE (password = ***::text) AND (b = 'y')", true],
    ["CREATE INDEX i ON t (a) WHERE (c = 'http://u:***@h'::text)", true],
    ['ALTER ROLE a PASSWORD ***', true],
    ["CREATE INDEX i ON t (a) WHERE (b = '***'::text)", false],
    ["CREATE INDEX i ON t ((payload->>'password'))", false],
  ])('%s: %s', (text, was) => expect(wasRedacted({apply: sql(text)})).toBe(was));
});

it('the types do not allow executable text to be redacted', () => {
  // @ts-expect-error An intent contains executable text.
  const refuse = (draft: JournalDraft) => redactDeep(draft);
  expect(refuse).toBeTypeOf('function');
  expect(isWithheld(contentOf(stepOf({apply: plain})))).toBe(false);
});

const head = {actor: 'ann@laptop', target: 'db:5432/shop', run: 'aa'};

function contentOf(step: Step): Step {
  const draft = redactDraft({...head, event: 'intent', step: 0, content: step});
  if (draft.event !== 'intent') throw new Error('another event');
  return draft.content;
}

function sql(text: string): Sql {
  return {text, values: []};
}

function verification(query: Sql) {
  return {query, expect: {column: 'a', op: '=' as const, value: 1}};
}

function stepOf(some: Partial<SqlStep>): SqlStep {
  return {
    ...{kind: 'sql', title: 't', subject: 'index:public.i', apply: plain, verify: verification(plain)},
    ...{undo: {apply: plain, verify: verification(plain)}, lock: 'share', transaction: false, timeout_ms: 0},
    ...some,
  };
}
