import {describe, expect, it} from 'vitest';
import {compareServers, nameServer, serverDifference} from '../../../source/core/server/server-identity.ts';
import type {ServerIdentity} from '../../../source/model/target.ts';

const server: ServerIdentity = {
  system_identifier: '7712856363365028086',
  database_oid: '16384',
  is_in_recovery: false,
  started_at: '2026-11-27T14:21:51.935430Z',
};
const later = {started_at: '2026-11-27T15:00:00.000000Z'};
const hidden = {system_identifier: null};
const other = {system_identifier: '7712856371899253081'};

describe.each([
  ['itself', {}, {}, 'same', null],
  ['a restart', {}, later, 'restarted', /^server …028086 started at .*15:00.*, the one before at .*14:21/],
  ['the end of recovery', {is_in_recovery: true}, {}, 'promoted', /^server …028086 was promoted/],
  ['another cluster', {}, other, 'other', /^this is server …253081, not server …028086$/],
  ['another cluster at another time', {}, {...other, ...later}, 'other', /^this is server …253081, not/],
  [
    'a database created again',
    {},
    {database_oid: '16390'},
    'other',
    /^this is another database of server …028086, .* oid is 16390, not 16384$/,
  ],
  ['an identifier hidden now', {}, hidden, 'same', null],
  ['an identifier hidden both times', hidden, hidden, 'same', null],
  [
    'an identifier hidden, and a restart',
    {},
    {...hidden, ...later},
    'unknown',
    /without pg_control_system\(\) poolctl cannot determine/,
  ],
  [
    'an identifier hidden both times, and a restart',
    hidden,
    {...hidden, ...later},
    'unknown',
    /without pg_control_system\(\) poolctl cannot determine/,
  ],
  [
    'an identifier hidden, and another database',
    hidden,
    {...hidden, database_oid: '5'},
    'other',
    /oid is 5, not 16384/,
  ],
])('%s', (_, before, now, likeness, words) => {
  it(`is ${likeness}`, () => {
    expect(compareServers({...server, ...before}, {...server, ...now})).toBe(likeness);
    const difference = serverDifference({...server, ...before}, {...server, ...now});
    if (words === null) expect(difference).toBeNull();
    else expect(difference).toMatch(words);
  });
});

it('servers whose identifiers have the same last digits are named in full', () => {
  const twin = {...server, system_identifier: '7000000000000028086'};
  expect(serverDifference(server, twin)).toBe(
    'this is server 7000000000000028086, not server 7712856363365028086',
  );
  expect(nameServer({...server, ...hidden})).toBe('the server started at 2026-11-27T14:21:51.935430Z');
});
