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
