import {recipes} from '../../recipes/index.ts';
import type {Call} from '../commands/parse-call.ts';
import {runRecipe} from '../commands/run.ts';
import {AbortError, type ExitCode} from '../core/errors.ts';
import {sanitise} from '../core/sanitise.ts';
import type {JournalFile} from '../journal/journal-file.ts';
import type {Connection} from '../postgres/connect.ts';
import type {ConnectionRequest} from '../postgres/connection-request.ts';
import {openEngine} from './acting.ts';
import {takeInterrupts} from './interrupt.ts';
import type {Shell} from './shell.ts';
import {connectToWatch, readFrom} from './watch.ts';

/** A recipe without the console; what earlier runs left unknown is told before anything else. */
export async function runNamedRecipe(
  shell: Shell,
  request: ConnectionRequest,
  {words: [id], flags}: Call,
): Promise<ExitCode> {
  const {engine, identity} = openEngine(shell, request, {flags});
  const dryRun = flags.dryRun ?? false;
  const {signal, release} = takeInterrupts(shell.output.talk);
  let watching: Connection | null = null;
  const read = async () => {
    if (watching === null) {
      await tellUnfinished(shell, engine.journal, {isNeeded: !dryRun});
      watching = await connectToWatch(shell, request, {flags, signal});
    }
    // After an interruption the slots are still counted, for the journal's last entry.
    return readFrom(watching, {signal: signal.aborted ? never : signal});
  };
  try {
    return await runRecipe(
      {
        recipes,
        read,
        engine,
        identity,
        ask: shell.stdin.isTTY ? question => ask(shell, question) : undefined,
        output: shell.output,
        signal,
      },
      id,
      {
        set: flags.set ?? [],
        dryRun,
        yes: flags.yes ?? false,
        approve: flags.approve ?? null,
        json: flags.json ?? false,
      },
    );
  } finally {
    await (watching as Connection | null)?.close();
    release();
  }
}

const never = new AbortController().signal;

/** A journal that cannot be read is one that cannot be written, which a dry run does not mind. */
async function tellUnfinished(
  {output}: Shell,
  journal: JournalFile,
  {isNeeded}: {isNeeded: boolean},
): Promise<void> {
  const unfinished = await journal.unfinished().catch((error: unknown) => {
    if (isNeeded || !(error instanceof AbortError)) throw error;
    return [];
  });
  for (const {run, step, at, target, title} of unfinished) {
    const what = `run ${run} step ${step + 1} at ${at} on ${target}: ${title}`;
    output.talk(
      sanitise(`poolctl: an act of an earlier run never told its outcome (unknown, verify): ${what}`),
    );
  }
}

async function ask({stdin, stderr}: Shell, question: string): Promise<string | null> {
  const {createInterface} = await import('node:readline/promises');
  const lines = createInterface({input: stdin, output: stderr});
  const left = new Promise<null>(resolve => lines.once('close', () => resolve(null)));
  try {
    return await Promise.race([lines.question(question), left]);
  } finally {
    lines.close();
  }
}
