import type pg from 'pg';
import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Real bulk loads, COPY from clients that send now and then; a table that is filled, analyzed and swapped in. */
export const story: HealthyStory = {
  name: 'bulk-copy',
  title: 'COPY from four loaders',
  async prepare(stage) {
    for (const role of ['etl', 'web']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE events (id bigint NOT NULL, payload text NOT NULL);
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    for (let index = 0; index < 4; index++) {
      await stage.loop({role: 'etl', application_name: 'loader', address: '127.0.0.11'}, client =>
        copyIn(client, 'COPY events FROM STDIN', 40, line =>
          stage.sleep(100).then(() => `${line}\tpayload\n`.repeat(200)),
        ),
      );
      await stage.loop(
        {role: 'web', application_name: 'web', address: '127.0.0.21'},
        client => client.query('SELECT "name" FROM "item" WHERE "id" = $1', [1 + index]),
        {pause_ms: 50},
      );
    }
    await stage.until(
      "SELECT count(*) = 4 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY %'",
    );
  },
};

/** What pg calls of a query (Submittable); it has no COPY of its own. */
type CopyConnection = pg.Connection & {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
};

function copyIn(
  client: pg.Client,
  text: string,
  chunks: number,
  next: (index: number) => Promise<string>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = {
      submit: (connection: pg.Connection) => connection.query(text),
      async handleCopyInResponse(connection: CopyConnection) {
        for (let index = 0; index < chunks; index++)
          connection.sendCopyFromChunk(Buffer.from(await next(index)));
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleReadyForQuery: () => resolve(),
      handleError: (error: Error) => reject(error),
    };
    client.query(query);
  });
}
