import {expect, it} from 'vitest';
import {examinePooler} from '../../../../source/core/assessment/harms/pooler.ts';
import {createPooler} from '../../../helpers/pooler.ts';
import {createBackend, createSnapshot} from '../../../helpers/snapshot.ts';

it('enlarges the pools of this server only', () => {
  const actsWith = (pids: number[]) => {
    const snapshot = createSnapshot({backends: pids.map(pid => createBackend({pid, datname: 'shop_app'}))});
    const findings = examinePooler({snapshot, samples: [], facts: {pooler: createPooler()}});
    return findings.map(({cause, acts}) => ({cause, acts: acts?.map(({title}) => title)}));
  };
  expect(actsWith([11, 12])).toEqual([{cause: 'pooler-full', acts: ['raise default_pool_size from 2 to 4']}]);
  expect(actsWith([900])).toEqual([{cause: 'pooler-full', acts: []}]);
});
