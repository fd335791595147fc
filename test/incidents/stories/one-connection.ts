import type {HealthyStory} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** A job with one connection computes, or calls a service, inside each transaction: whether a request waits for it cannot be seen. */
export const story: HealthyStory = {
  name: 'one-connection',
  title: 'A job with one connection that pauses inside its transactions',
  async prepare(stage) {
    for (const role of ['labels_app', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE "Parcel" (id integer PRIMARY KEY, state text NOT NULL);
INSERT INTO "Parcel" SELECT n, 'new' FROM generate_series(1, 5000) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    let parcel = 0;
    await stage.loop(
      {role: 'labels_app', application_name: 'labels', address: '127.0.0.11'},
      async client => {
        await client.query('BEGIN');
        await client.query('UPDATE "Parcel" SET "state" = $1 WHERE "id" = $2', [
          'sent',
          1 + (parcel++ % 5000),
        ]);
        await stage.sleep(1500 + (parcel % 5) * 400);
        await client.query('COMMIT');
      },
    );
    for (let index = 0; index < 6; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    await stage.until('SELECT count(*) > 1 FROM "Parcel" WHERE state = \'sent\'');
  },
};
