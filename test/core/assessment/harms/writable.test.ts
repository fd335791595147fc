import {describe, expect, it} from 'vitest';
import {writableOf} from '../../../../source/core/assessment/harms/writable.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import {contextOf, createSequence, createWriteState, type Reading} from './readings.ts';
import {inserting, slot, still, waiting} from './writes-readings.ts';

describe('writableOf', () => {
  it.each<[string, AssessmentFacts, (index: number) => Reading, boolean | null, RegExp | null]>([
    ['before the facts are read', {}, still, null, null],
    ['a primary', {write_state: createWriteState()}, still, true, null],
    ['a standby', {}, () => ({target: {is_in_recovery: true}}), false, /standby/],
    [
      'a read-only server',
      {write_state: createWriteState({default_read_only: true})},
      still,
      false,
      /read-only/,
    ],
    [
      'no transaction ids',
      {write_state: createWriteState({xids_left: 0})},
      still,
      false,
      /no transaction ids/,
    ],
    [
      'near wraparound',
      {write_state: createWriteState({xids_left: 20_000_000})},
      still,
      true,
      /20M transaction ids/,
    ],
    [
      'no standby to wait for',
      {write_state: createWriteState({synchronous_standby_names: 's1'})},
      () => ({backends: waiting}),
      false,
      /every commit waits/,
    ],
    [
      'a full column',
      {write_state: createWriteState(), sequences: [createSequence()]},
      still,
      true,
      /readings.id is full/,
    ],
    [
      'a column full soon',
      {write_state: createWriteState(), sequences: [createSequence({last_value: '2100000000'})]},
      inserting,
      true,
      /readings.id is full in 5 days/,
    ],
    [
      'a slot that fills the disk',
      {write_state: createWriteState(), replication: {slots: [slot], standbys: []}},
      still,
      true,
      /slot cdc/,
    ],
  ])('%s', (_, facts, reading, ok, reason) => {
    const writable = writableOf(contextOf(30, reading, facts));
    expect(writable.ok).toBe(ok);
    expect(writable.reasons.join('\n')).toMatch(reason ?? /^$/);
  });
});
