import {expect, it} from 'vitest';
import {
  isSecretValue,
  shownExpectation,
  shownSettings,
  shownValue,
} from '../../../source/core/sql/secrets.ts';

it.each([
  ["CREATE INDEX i ON t USING btree (c) WHERE ((payload ->> 'token'::text) = 'hush'::text)"],
  ["CREATE INDEX i ON t (a) WHERE ((password = 'hush'::text) AND (b = 'y'::text))"],
  ['app.token=hush'],
  ['postgres://u:hush@h/d'],
  ['password=hush'],
])('a secret is masked for display and withheld from the journal: %s', value => {
  expect(isSecretValue(value)).toBe(true);
  expect(isSecretValue([value])).toBe(true);
  expect(shownValue(value)).not.toContain('hush');
  expect(JSON.stringify(shownValue([value]))).not.toContain('hush');
});

it.each([
  ["CREATE INDEX i ON t (lower(name)) WHERE b = 'it''s'"],
  [4711],
  [null],
  ['lock_timeout=2s'],
  [['a', 'b']],
])('a value that is no secret is not masked: %s', value => {
  expect(isSecretValue(value)).toBe(false);
  expect(shownValue(value)).toEqual(value);
});

it('a secret is masked in expectations and settings by its name', () => {
  expect(shownExpectation({column: 'password', op: '=', value: 'hush'}).value).toBe('***');
  expect(shownExpectation({column: 'guard', op: '=', value: 'ready'}).value).toBe('ready');
  expect(shownSettings({'app.token': 'hush', lock_timeout: '2s'})).toEqual({
    'app.token': '***',
    lock_timeout: '2s',
  });
});
