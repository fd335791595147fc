import {setTimeout as sleep} from 'node:timers/promises';
import pg from 'pg';
import type {Program} from '../programs.ts';
import {reasonOf, withProgram} from '../running-program.ts';
import {addressOf, type Setting} from './figure.ts';

/** How long the server is away. */
const outage_ms = 3000;
const hang_timeout_ms = 20_000;

/**
 * From the moment the server takes sessions again to a frame that shows one that did not exist before. Without
 * the load: its 500 applications would come back at the same moment.
 */
export async function measureRecovery(setting: Setting): Promise<void> {
  await setting.stage.load.stop();
  for (let round = 0; round < (setting.isQuick ? 1 : 3); round++) {
    for (const [index, program] of setting.programs.entries()) {
      const key = {
        figure: 'server accepts again to a fresh frame',
        condition: setting.condition,
        program: program.name,
        unit: 'ms',
      } as const;
      try {
        setting.results.add(key, await recoverOnce(setting, program, `back${round}${index}`));
      } catch (error) {
        setting.results.add(key, {failure: reasonOf(error)});
      }
    }
    setting.progress(`recovery: round ${round + 1}`);
  }
}

async function recoverOnce(setting: Setting, program: Program, marker: string): Promise<number> {
  const {server, query, address} = setting.stage;
  // Every program shows who is active, and a role's name of up to eight characters in full.
  await query(`CREATE ROLE ${marker} LOGIN PASSWORD '${address(marker, 'direct').password}'`);
  const before = await startActiveSession(setting, 'app');
  return withProgram(program, addressOf(setting, program), async terminal => {
    await terminal.waitFor(({text}) => /\bapp\b/.test(text()), {timeout_ms: 15_000});
    await server.stopHard();
    await before.end().catch(() => {});
    await sleep(outage_ms);
    const restarted = server.restart();
    restarted.catch(() => {});
    const {client, accepted_ms} = await firstSession(setting, marker);
    try {
      // Waited for at once: what showed before is dated too late.
      const seen_ms = await terminal.waitFor(marker, {timeout_ms: hang_timeout_ms});
      await restarted;
      return seen_ms - accepted_ms;
    } finally {
      await client.end().catch(() => {});
    }
  });
}

/** Tries without a pause until the server takes a session, and keeps that one active. */
async function firstSession(setting: Setting, role: string) {
  const giveUpAt = performance.now() + hang_timeout_ms;
  for (;;) {
    try {
      const client = await startActiveSession(setting, role);
      return {client, accepted_ms: performance.now()};
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await sleep(2);
    }
  }
}

async function startActiveSession({stage}: Setting, role: string): Promise<pg.Client> {
  const {host, port, user, password, database} = stage.address(role, 'direct');
  const client = new pg.Client({host, port, user, password, database, application_name: role});
  client.on('error', () => {});
  await client.connect();
  client.query('SELECT pg_sleep(60)').catch(() => {});
  return client;
}
