import {expect, it} from 'vitest';
import {readTimeout, timeoutMs} from '../../../source/core/roles/timeouts.ts';

it.each([
  ['', null],
  ['30s', {value: '30s', ms: 30_000}],
  ['90s', {value: '90s', ms: 90_000}],
  ['5 min', {value: '5min', ms: 300_000}],
  ['1h30m', {value: '90min', ms: 5_400_000}],
  ['250ms', {value: '250ms', ms: 250}],
  ['0', {value: '0', ms: 0}],
  ['0s', {value: '0', ms: 0}],
])('a timeout of %j is accepted', (text, expected) => {
  expect(readTimeout('statement_timeout', text)).toEqual(expected);
});

it.each(['30', 'default', '30000', 'soon', '-1s', '0.5ms', '25d', '1 month'])(
  'a timeout of %j is refused',
  text => {
    expect(() => readTimeout('statement_timeout', text)).toThrow(
      expect.objectContaining({message: `statement_timeout=${text} is not a valid timeout`, exitCode: 2}),
    );
  },
);

it.each([
  ['30s', 30_000],
  ['30000', 30_000],
  ['1min', 60_000],
  ['2h', 7_200_000],
  ['0', 0],
  ['1.5s', null],
  ['', null],
])('the setting %j is read as PostgreSQL reads it', (text, ms) => {
  expect(timeoutMs(text)).toBe(ms);
});
