import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Sixty tenants with a role each, mostly idle; an analyst whose sorts spill now and then; the nightly dump under another name. */
export const story: HealthyStory = {
  name: 'tenants',
  title: 'Sixty tenants, an analyst and a dump',
  async prepare(stage) {
    for (let tenant = 0; tenant < tenants; tenant++) await stage.role(`tenant_${tenant}`);
    for (const role of ['analyst', 'backup']) await stage.role(role);
    await stage.admin.query(`
ALTER ROLE analyst SET work_mem = '64kB';
CREATE TABLE documents (id integer PRIMARY KEY, tenant integer NOT NULL, title text NOT NULL);
INSERT INTO documents SELECT n, n % ${tenants}, md5(n::text) FROM generate_series(1, 60000) n;
GRANT ALL ON documents TO PUBLIC;`);
    await stage.analyze();
  },
  async start(stage) {
    for (let tenant = 0; tenant < tenants; tenant++) {
      const login = {
        role: `tenant_${tenant}`,
        application_name: 'portal',
        address: `127.0.0.${11 + (tenant % 3)}`,
      };
      const read = 'SELECT "title" FROM "documents" WHERE "id" = $1';
      if (tenant < 4) await stage.loop(login, client => client.query(read, [1 + tenant]), {pause_ms: 80});
      else await (await stage.connect(login)).query(read, [1 + tenant]);
    }
    await stage.loop(
      {role: 'analyst', application_name: 'jupyter', address: '127.0.0.31'},
      client => client.query('SELECT count(*) FROM (SELECT title FROM documents ORDER BY title OFFSET 0) s'),
      {pause_ms: 3000},
    );
    const dump = await stage.connect({role: 'backup', application_name: 'nightly.sh', address: '127.0.0.32'});
    await dump.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await dump.query('LOCK TABLE documents IN ACCESS SHARE MODE');
    await dump.query('DECLARE _pg_dump_cursor CURSOR FOR SELECT * FROM documents');
    const fetch = async () => {
      while (!stage.signal.aborted) {
        await dump.query('FETCH 100 FROM _pg_dump_cursor');
        await stage.sleep(100);
      }
    };
    fetch().catch(() => {});
    await stage.until('SELECT temp_files > 0 FROM pg_stat_database WHERE datname = current_database()');
  },
};

const tenants = 60;
