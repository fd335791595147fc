import type {Story} from '../../../source/demo/stories/story.ts';

export const story: Story = {
  name: 'sequence-end',
  title: 'A bigint column whose sequence has reached its MAXVALUE',
  page: 'support: new tickets cannot be created (2200H). Everything else works.',
  async prepare(stage) {
    for (const role of ['support', 'portal']) await stage.role(role);
    await stage.admin.query(`
CREATE SEQUENCE "Ticket_id_seq" MAXVALUE 99999;
CREATE TABLE "Ticket" ("id" bigint PRIMARY KEY DEFAULT nextval('"Ticket_id_seq"'), "subject" text NOT NULL);
ALTER SEQUENCE "Ticket_id_seq" OWNED BY "Ticket"."id";
INSERT INTO "Ticket" ("id", "subject") SELECT 99999 - n, 'ticket ' || n FROM generate_series(0, 999) n;
SELECT setval('"Ticket_id_seq"', 99999);`);
    await stage.admin.query('ANALYZE');
  },
  async start(stage) {
    for (let index = 0; index < 3; index++) {
      await stage.loop(
        {role: 'portal', application_name: 'portal', address: '127.0.0.21'},
        client => client.query('SELECT "subject" FROM "Ticket" WHERE "id" = $1', [99_000 + index]),
        {pause_ms: 200},
      );
      await stage.loop(
        {role: 'support', application_name: 'support_api', address: '127.0.0.11'},
        client => client.query('INSERT INTO "public"."Ticket" ("subject") VALUES ($1)', ['help']),
        {pause_ms: 100},
      );
    }
    await stage.until('SELECT xact_rollback > 30 FROM pg_stat_database WHERE datname = current_database()');
  },
  first: {
    cause: 'full-column',
    recipe: 'widen-column',
    summary:
      /^sequence Ticket_id_seq has no value left \(last 99999\); support_api\/support: [\d.]+ rollbacks\/s/,
    within_seconds: 10,
  },
  innocents: ['portal'],
  async cure({admin}) {
    await admin.query('ALTER SEQUENCE "Ticket_id_seq" NO MAXVALUE');
  },
  solution: ['The sequence had a MAXVALUE that the column does not have: it was raised.'],
};
