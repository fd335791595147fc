import {expect, it} from 'vitest';
import {toSample} from '../../../source/core/assessment/sample.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const seen = {state: 'idle', client_addr: '10.0.0.1'} as const;
const local = {state: 'idle', client_addr: null} as const;
const hidden = {state: null, client_addr: null} as const;

it.each<[string, Partial<Backend>[], number]>([
  ['a hidden session before a seen one', [hidden, seen], 1],
  ['a hidden session after a seen one', [seen, hidden], 1],
  ['hidden sessions only', [hidden, hidden], 1],
  ['two addresses', [seen, local, seen], 2],
])('counts the clients of %s', (_, backends, clients) => {
  const snapshot = createSnapshot({
    backends: backends.map((of, index) => createBackend({pid: index + 1, ...of})),
  });
  expect(toSample(snapshot, 0, []).pools).toMatchObject([{clients}]);
});
