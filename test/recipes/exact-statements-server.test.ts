import {readFile, writeFile} from 'node:fs/promises';
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {canonicalJson} from '../../source/core/text/json.ts';
import {chainEntry, emptyChain} from '../../source/journal/chain.ts';
import type {JournalEntry} from '../../source/model/journal-entry.ts';
import {createActing} from '../cli/execution/acting.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {indexNamed} from './indexing.ts';

const flags = {set: ['stats_age=0s'], yes: true};

/** Their definitions contain a secret, or text that a careless redactor takes for one. */
const definitions = {
  key_name: "((payload ->> 'password'))",
  escape: "(a) WHERE b = 'a\u001b[31mb\u202e'",
  password: "(a) WHERE password = 'hush' AND b = 'y'",
  url: "(a) WHERE c = 'http://u:hush@h'",
};
const exact = ['key_name', 'escape'] as const;
const secret = ['password', 'url'] as const;

describeEachMajor('statements that look like secrets', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await server.query('DROP TABLE IF EXISTS accounts');
    await server.query('CREATE TABLE accounts (a int, b text, c text, password text, payload jsonb)');
    for (const [name, definition] of Object.entries(definitions))
      await server.query(`CREATE INDEX ${name} ON accounts ${definition}`);
  });

  it('are dropped and restored byte for byte, or shown as irreversible', async () => {
    const before = new Map<string, unknown>();
    for (const name of exact) before.set(name, await indexNamed(server, name));
    const acting = await createActing(server);
    expect(await acting.run('drop-unused-indexes', {...flags, yes: false, dryRun: true})).toBe(0);
    const undoOf = () =>
      Object.fromEntries(acting.document().steps.map(({subject, undo}) => [subject, undo]));
    for (const name of secret) expect(undoOf()[`index:public.${name}`]).toBe('irreversible');
    for (const name of exact) expect(undoOf()[`index:public.${name}`]).toContain('CREATE INDEX CONCURRENTLY');
    expect(acting.document().explanation).toContainEqual(
      expect.stringMatching(/^2 steps \(.*\) cannot be undone: its undo would need what looks like a secret/),
    );
    expect(acting.stdout.join()).not.toContain('hush');

    expect(await acting.run('drop-unused-indexes', flags)).toBe(0);
    for (const name of Object.keys(definitions)) expect(await indexNamed(server, name)).toBeUndefined();
    expect(await readFile(acting.journal.file, 'utf8')).not.toContain('hush');

    expect(await acting.undo('r2', {yes: true})).toBe(0);
    for (const name of exact) expect(await indexNamed(server, name)).toEqual(before.get(name));
    expect(acting.document()).toMatchObject({
      steps: [{outcome: 'verified'}, {outcome: 'verified'}],
      skipped: secret.map(() => ({reason: expect.stringContaining('looks like a secret')})),
    });
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('are skipped one by one if an older journal masked them', async () => {
    const before = await indexNamed(server, 'key_name');
    const acting = await createActing(server);
    const set = ['stats_age=0s', 'index=public.key_name,public.escape'];
    expect(await acting.run('drop-unused-indexes', {set, yes: true})).toBe(0);
    await rewrite(acting.journal.file, text =>
      text.replaceAll(/WHERE \(b = '[^']*'::text\)/g, "WHERE (password = ***::text) AND (b = 'y'::text)"),
    );
    const again = await createActing(server, {journal: acting.journal.file});
    expect(await again.undo('r1', {yes: true})).toBe(7);
    expect(again.document()).toMatchObject({
      reason: 'partly done: 1 step skipped',
      steps: [{subject: 'index:public.key_name', outcome: 'verified'}],
      skipped: [{subject: 'index:public.escape', reason: expect.stringContaining('this journal masked')}],
    });
    expect(await indexNamed(server, 'key_name')).toEqual(before);
    expect(await indexNamed(server, 'escape')).toBeUndefined();
  });

  it('build and drop an index on a table whose name contains control characters, shown escaped', async () => {
    const name = 'or\u001b[31mders\u202e "x"';
    const table = `"${name.replaceAll('"', '""')}"`;
    await server.query('DROP SCHEMA IF EXISTS odd CASCADE');
    await server.query('CREATE SCHEMA odd');
    await server.query('CREATE TABLE odd.users (id int PRIMARY KEY)');
    await server.query('INSERT INTO odd.users SELECT generate_series(1, 1000)');
    await server.query(`CREATE TABLE odd.${table} (id int PRIMARY KEY, user_id int REFERENCES odd.users)`);
    await server.query(`INSERT INTO odd.${table} SELECT i, 1 + i % 1000 FROM generate_series(1, 12000) i`);
    await server.query(`ANALYZE odd.users, odd.${table}`);
    const acting = await createActing(server);
    expect(await acting.run('apply-indexes', {json: false, dryRun: true})).toBe(0);
    expect(acting.stdout.at(-1)).toContain('or␛[31mders<U+202E> ""x""');
    expect(acting.stdout.join()).not.toMatch(/[\u001b\u202e]/);
    expect(await acting.run('apply-indexes', {yes: true})).toBe(0);
    const indexes = () =>
      server.query<{name: string}>(
        `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary`,
        [`odd.${table}`],
      );
    expect(await indexes()).toHaveLength(1);
    expect(acting.stdout.join()).not.toMatch(/[\u001b\u202e]/);
    expect(await acting.undo('r2', {yes: true})).toBe(0);
    expect(await indexes()).toEqual([]);
  });
});

/** The journal as an older poolctl would have written it: its chain is whole. */
async function rewrite(file: string, change: (text: string) => string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  let end = emptyChain;
  const written = lines.map(line => {
    const {seq: _s, hash: _h, previous: _p, at, ...draft} = JSON.parse(change(line)) as JournalEntry;
    const entry = chainEntry(draft as JournalEntry, end, at);
    end = {seq: entry.seq, hash: entry.hash};
    return canonicalJson(entry);
  });
  await writeFile(file, `${written.join('\n')}\n`);
}
