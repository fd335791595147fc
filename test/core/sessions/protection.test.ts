import {expect, it} from 'vitest';
import {protectionOf} from '../../../source/core/sessions/protection.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const protected_sessions = {roles: ['billing'], applications: ['nightly import']};

it.each([
  ['its role', {usename: 'billing'}, 'the role billing, which the configuration protects'],
  [
    'its application',
    {application_name: 'nightly import'},
    'the application nightly import, which the configuration protects',
  ],
  ['neither', {usename: 'web', application_name: 'web'}, undefined],
])('a session that the configuration protects by %s is not swept up, but may be named', (_, who, reason) => {
  const snapshot = createSnapshot({});
  const configured = {...snapshot, target: {...snapshot.target, protected_sessions}};
  const backend = createBackend(who);
  expect(protectionOf(backend, configured, false)?.reason).toBe(reason);
  expect(protectionOf(backend, configured, true)).toBeNull();
  expect(protectionOf(backend, snapshot, false)).toBeNull();
});

it.each([
  [false, true, 'hidden from this role, so it cannot be told apart: GRANT pg_read_all_stats TO "oncall"'],
  [true, false, 'still connecting: it has no state that could be compared'],
])('a session without a state, read with pg_read_all_stats: %s', (read_all_stats, is_forbidden, reason) => {
  const snapshot = createSnapshot({});
  const {target} = snapshot;
  const privileges = {...target.privileges, is_superuser: false, read_all_stats};
  const seen = {...snapshot, target: {...target, user: 'oncall', privileges}};
  const backend = createBackend({state: null, state_change: null});
  expect(protectionOf(backend, seen, true)).toEqual({reason, is_forbidden});
});
