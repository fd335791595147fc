import type {Stage} from '../../../source/demo/stories/story.ts';

export const replicationSettings = {wal_level: 'logical', max_worker_processes: 16};

/** `text` makes the tables in the story's database and in `source`, whose tables are replicated to it. */
export async function subscribe(stage: Stage, text: string): Promise<void> {
  const {host, port, password} = stage.admin;
  await stage.admin.query(text);
  await stage.admin.query('CREATE DATABASE source');
  const source = await stage.connect({application_name: 'story', database: 'source'});
  await source.query(text);
  await source.query('CREATE PUBLICATION everything FOR ALL TABLES');
  await source.query("SELECT pg_create_logical_replication_slot('everything', 'pgoutput')");
  await source.end();
  await stage.admin.query(
    `CREATE SUBSCRIPTION everything CONNECTION 'host=${host} port=${port} user=postgres password=${password} dbname=source' PUBLICATION everything WITH (create_slot = false, slot_name = everything, copy_data = false)`,
  );
}
