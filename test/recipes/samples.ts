import type {Facts} from '../../source/core/facts.ts';
import type {ParameterValues} from '../../source/core/recipe.ts';
import type {Snapshot} from '../../source/core/snapshot.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

/** A world in which a recipe has something to do: what the contract holds it to. */
export type Sample = {snapshot: Snapshot; facts: Facts; params: ParameterValues};

const leaking = createSnapshot({
  backends: [createBackend({state: 'idle in transaction', state_age_ms: 900_000})],
});
const working = createSnapshot({backends: [createBackend({state: 'active', state_age_ms: 900_000})]});

/** By recipe id; every recipe that acts has one. */
export const samples: Record<string, Sample> = {
  'kill-idle-sessions': {snapshot: leaking, facts: {}, params: {}},
  'terminate-sessions': {snapshot: leaking, facts: {}, params: {pid: '4711'}},
  'cancel-statements': {snapshot: working, facts: {}, params: {pid: '4711'}},
};
