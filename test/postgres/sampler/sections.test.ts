import {expect, it} from 'vitest';
import {createSections} from '../../../source/postgres/sampler/sections.ts';

type Section = Parameters<ReturnType<typeof createSections>['attempt']>[0];

const open = () => createSections({request: {user: 'app'}, server_version_num: 180_000}, () => 0);
const error = (message: string, parts: object = {}) => Object.assign(new Error(message), parts);

const sickDisk = error('could not open directory "pg_wal"', {code: '58P01', severity: 'ERROR'});
const outOfMemory = error('out of memory', {code: '53200', severity: 'ERROR'});
const canceled = error('canceling statement due to statement timeout', {code: '57014', severity: 'ERROR'});
const refused = error('permission denied', {code: '42501', severity: 'ERROR'});
const noFile = error('EISDIR: illegal operation on a directory', {code: 'EISDIR'});
const ended = error('terminating connection', {code: '57P01', severity: 'FATAL'});
const broken = error('server closed the connection', {code: '08P01'});

const failures: [section: Section, error: Error, sqlstate: string | null][] = [
  ['server.wal', sickDisk, '58P01'],
  ['server.wal', outOfMemory, '53200'],
  ['server.server_log', noFile, null],
  ['server.io', error('Cannot read properties of undefined'), null],
  ['server.io', refused, '42501'],
  ['databases', canceled, '57014'],
];

it.each(failures)('records of %s: %s', async (section, thrown, sqlstate) => {
  const sections = open();
  await sections.attempt(section, () => Promise.reject(thrown));
  expect(sections.unavailable()).toMatchObject([{section, sqlstate, reason: thrown.message}]);
});

const losses: [section: Section, error: Error][] = [
  ['server.wal', ended],
  ['server.wal', broken],
  ['databases', ended],
  ['databases', outOfMemory],
  ['databases', error('Connection terminated unexpectedly')],
];

it.each(losses)('throws of %s: %s', async (section, thrown) => {
  await expect(open().attempt(section, () => Promise.reject(thrown))).rejects.toBe(thrown);
});

it.each<[Section, RegExp]>([
  ['statements', /^add pg_stat_statements to shared_preload_libraries/],
  ['statement_texts', /^add pg_stat_statements to shared_preload_libraries/],
  ['server.replication', /^poolctl tries again/],
])('55000 of %s has a remedy of its own', async (section, remedy) => {
  const sections = open();
  const thrown = error('not in the state', {code: '55000', severity: 'ERROR'});
  await sections.attempt(section, () => Promise.reject(thrown));
  expect(sections.unavailable()[0]?.remedy).toMatch(remedy);
});
