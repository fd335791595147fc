import type {Stage} from '../../source/demo/stories/story.ts';

/** Sessions of the role analyst that have no part in an incident: a transaction left open that holds nothing, and an idle pool. */
export async function openBystanders(stage: Stage): Promise<void> {
  const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
  await psql.query('BEGIN');
  await psql.query('SELECT 1');
  for (let index = 0; index < 12; index++) {
    const idle = await stage.connect({
      role: 'analyst',
      application_name: 'idle-pool',
      address: '127.0.0.13',
    });
    await idle.query('SELECT 1');
  }
}
