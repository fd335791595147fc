import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/control-pgbouncer.ts';
import {createPooler} from '../helpers/pooler.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

const snapshot = createSnapshot({backends: [11, 12].map(pid => createBackend({pid, datname: 'shop_app'}))});

function plan(params: Record<string, string>, settings: {so_reuseport?: boolean; peer_id?: number}) {
  const example = createPooler();
  const pooler = createPooler({settings: {...example.settings, ...settings}});
  return recipe.plan?.(snapshot, params, {pooler: {pooler, problem: null}});
}

describe('a PgBouncer of several processes', () => {
  it.each([
    ['pause', {so_reuseport: true}, 'so_reuseport = 1'],
    ['resume', {so_reuseport: true}, 'so_reuseport = 1'],
    ['pause', {peer_id: 2}, 'peer_id = 2'],
  ])('is not asked to %s where it has %o', (action, settings, why) => {
    expect(() => plan({action, database: 'shop'}, settings)).toThrow(
      expect.objectContaining({exitCode: 2, message: expect.stringContaining(why)}),
    );
    expect(() => plan({action: 'pause', database: 'shop'}, {})).not.toThrow();
  });

  it.each([
    {action: 'reconnect', database: 'shop'},
    {action: 'pool_size', pool_size: '5'},
  ])('says that $action changes one of them only', params => {
    expect(plan(params, {peer_id: 2})?.explanation.join()).toContain('(peer_id = 2): this changes the one');
    expect(plan(params, {})?.explanation.join()).not.toContain('peer_id');
  });
});
