import {AbortError, type ExitCode, exitCodes} from '../core/errors.ts';
import type {JournalEntry} from '../core/journal.ts';
import {type ChainVerdict, genesisHash, type UnfinishedIntent} from '../core/journal-chain.ts';
import type {Output} from '../core/ports.ts';
import {sanitise} from '../core/sanitise.ts';
import {counted} from '../core/session-plan.ts';
import {describeRun, resultText} from './journal-run.ts';

export type JournalPorts = {
  journal: {file: string; read(): Promise<JournalEntry[]>; verify(): Promise<ChainVerdict>};
  output: Output;
};

/**
 * `list`, `show <run>` or `verify`; `list` when nothing is said. Exit 8 where the chain does not verify, 2 for a
 * run it does not have.
 */
export async function showJournal(
  ports: JournalPorts,
  words: readonly string[],
  flags: {json: boolean},
): Promise<ExitCode> {
  const [verb = 'list', run] = words;
  if (verb === 'list') return list(ports, flags);
  if (verb === 'verify') return verify(ports, flags);
  if (verb === 'show' && run !== undefined) return show(ports, run, flags);
  throw new AbortError(verb === 'show' ? 'journal show: which run?' : `journal: no "${verb}"`, {
    hint: 'poolctl journal list | show <run> | verify',
    exitCode: exitCodes.usage,
  });
}

async function list({journal, output}: JournalPorts, flags: {json: boolean}): Promise<ExitCode> {
  const entries = await journal.read();
  if (flags.json) {
    const rows = entries.map(({seq, at, actor, target, run, event, hash, previous}) => ({
      seq,
      at,
      actor,
      target,
      run,
      event,
      hash,
      previous,
    }));
    printJson(output, {schema_version: 1, file: journal.file, head: headOf(entries), entries: rows});
  } else if (entries.length === 0) {
    output.talk(sanitise(`nothing is recorded in ${journal.file}`));
  } else {
    output.data(entries.map(entry => sanitise(describeEntry(entry))).join('\n'));
  }
  return exitCodes.ok;
}

async function show({journal, output}: JournalPorts, run: string, flags: {json: boolean}): Promise<ExitCode> {
  const all = await journal.read();
  // The beginning of a run's id will do where it is the only one.
  const runs = new Set(all.map(entry => entry.run).filter(id => id.startsWith(run)));
  const id = runs.has(run) ? run : [...runs][0];
  if (id === undefined || (id !== run && runs.size > 1)) {
    throw new AbortError(`${runs.size === 0 ? 'no run' : `${runs.size} runs`} "${run}" in ${journal.file}`, {
      hint: "'poolctl journal list' names them",
      exitCode: exitCodes.usage,
    });
  }
  const entries = all.filter(entry => entry.run === id);
  if (flags.json) printJson(output, {schema_version: 1, file: journal.file, run: id, entries});
  else output.data(describeRun(entries).map(sanitise).join('\n'));
  return exitCodes.ok;
}

async function verify({journal, output}: JournalPorts, flags: {json: boolean}): Promise<ExitCode> {
  const {ok, entries, head, broken_at, reason, unfinished} = await journal.verify();
  if (flags.json) {
    printJson(output, {schema_version: 1, ok, entries, head, broken_at, reason, unfinished});
  } else {
    const verdict = ok
      ? `${journal.file}: ${entries} ${entries === 1 ? 'entry' : 'entries'}, unbroken; head ${head}`
      : `${journal.file}: BROKEN at entry ${broken_at}: ${reason}`;
    output.data([verdict, ...unfinished.map(describeUnfinished)].map(sanitise).join('\n'));
  }
  return ok ? exitCodes.ok : exitCodes.journal;
}

/** `unknown: verify`: nobody knows whether it happened. */
function describeUnfinished({run, step, at, target, title}: UnfinishedIntent): string {
  return `unknown, verify: run ${run} step ${step + 1} at ${at} on ${target}: ${title}`;
}

function describeEntry(entry: JournalEntry): string {
  const {seq, at, actor, target, run} = entry;
  return `${String(seq).padStart(5)}  ${at}  ${run}  ${actor}  ${target}  ${whatOf(entry)}`;
}

function whatOf(entry: JournalEntry): string {
  switch (entry.event) {
    case 'run':
      return `run ${entry.recipe}, ${counted(entry.step_count, 'step')}`;
    case 'intent':
      return `intent ${entry.step + 1}: ${entry.content.title}`;
    case 'outcome':
      return `outcome ${entry.step + 1}: ${resultText(entry)}`;
    case 'end':
      return `end: ${entry.status}${entry.reason === null ? '' : `: ${entry.reason}`}`;
  }
}

function headOf(entries: readonly JournalEntry[]): string {
  return entries.at(-1)?.hash ?? genesisHash;
}

function printJson(output: Output, document: object): void {
  output.data(JSON.stringify(document, null, 2));
}
