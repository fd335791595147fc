import type {Output} from '../../cli/context.ts';
import {undoStateOf} from '../../core/engine/undo.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {type ChainVerdict, genesisHash} from '../../journal/chain.ts';
import type {JournalEntry, UnfinishedIntent} from '../../model/journal-entry.ts';
import type {ExitCode} from '../../model/run.ts';
import {exportJournal} from './export.ts';
import {describeRun, resultText} from './render-run.ts';

export type JournalPorts = {
  journal: {
    file: string;
    inspect(): Promise<JournalEntry[]>;
    verify(): Promise<ChainVerdict>;
    underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
  };
  output: Output;
};

type JournalFlags = {json?: boolean | undefined; format?: string | undefined; head?: string | undefined};

/**
 * `list`, `show <run>`, `verify` or `export`; `list` when nothing is said. Exit 8 where the chain does not verify or
 * no longer holds the head that was kept elsewhere, 2 for a run it does not have.
 */
export async function showJournal(
  ports: JournalPorts,
  words: readonly string[],
  {json = false, format = 'jsonl', head}: JournalFlags,
): Promise<ExitCode> {
  const flags = {json};
  const [verb = 'list', run] = words;
  if (verb === 'list') return list(ports, flags);
  if (verb === 'verify') return verify(ports, {json, head});
  if (verb === 'export') return exportAll(ports, format);
  if (verb === 'show' && run !== undefined) return show(ports, run, flags);
  throw usageError(
    verb === 'show' ? 'journal show: which run?' : `journal: no "${verb}"`,
    'poolctl journal list | show <run> | verify | export',
  );
}

async function list({journal, output}: JournalPorts, flags: {json: boolean}): Promise<ExitCode> {
  const entries = await journal.inspect();
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
    output.stderr(sanitise(`nothing is recorded in ${journal.file}`));
  } else {
    output.stdout(entries.map(entry => sanitise(describeEntry(entry))).join('\n'));
  }
  return exitCodes.ok;
}

async function show({journal, output}: JournalPorts, run: string, flags: {json: boolean}): Promise<ExitCode> {
  const all = await journal.inspect();
  // The beginning of a run's id will do where it is the only one.
  const runs = new Set(all.map(entry => entry.run).filter(id => id.startsWith(run)));
  const id = runs.has(run) ? run : [...runs][0];
  if (id === undefined || (id !== run && runs.size > 1)) {
    throw usageError(
      `${runs.size === 0 ? 'no run' : `${runs.size} runs`} "${run}" in ${journal.file}`,
      "'poolctl journal list' names them",
    );
  }
  const entries = all.filter(entry => entry.run === id);
  if (flags.json) printJson(output, {schema_version: 1, file: journal.file, run: id, entries});
  else {
    const context = {...undoStateOf(all, id), acting_pid: journal.underWay(entries).get(id) ?? null};
    output.stdout(describeRun(entries, context).map(sanitise).join('\n'));
  }
  return exitCodes.ok;
}

async function verify(
  {journal, output}: JournalPorts,
  flags: {json: boolean; head: string | undefined},
): Promise<ExitCode> {
  const kept = flags.head === undefined ? null : await findHead(journal, flags.head);
  const {ok: isUnbroken, entries, head, broken_at, reason, torn_bytes, unfinished} = await journal.verify();
  // A chain that was cut and written on, or made anew, verifies by itself.
  const isHeld = kept === null || (kept.seq !== null && kept.seq <= entries);
  const ok = isUnbroken && isHeld;
  if (flags.json) {
    const keptHead = kept === null ? {} : {kept_head: kept};
    printJson(output, {
      ...{schema_version: 1, ok, entries, head, broken_at, reason, torn_bytes, unfinished},
      ...keptHead,
    });
  } else {
    const verdict = isUnbroken
      ? `${journal.file}: ${counted(entries, 'entry', 'entries')}, unbroken; head ${head}`
      : `${journal.file}: BROKEN at entry ${broken_at}: ${reason}`;
    const torn = `its last line is cut off (${counted(torn_bytes, 'byte')}): its writer was killed; the next act moves it to a .torn file`;
    const lines = [
      verdict,
      ...(torn_bytes > 0 && isUnbroken ? [torn] : []),
      ...(kept === null ? [] : [describeHead(kept, {isHeld, entries})]),
    ];
    output.stdout([...lines, ...unfinished.map(describeUnfinished)].map(sanitise).join('\n'));
  }
  return ok ? exitCodes.ok : exitCodes.journal;
}

type KeptHead = {hash: string; seq: number | null};

/** The entry of a hash that was kept elsewhere. Throws AbortError (exit 2) for what is no hash. */
async function findHead(journal: JournalPorts['journal'], hash: string): Promise<KeptHead> {
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw usageError(
      '--head: no hash of an entry',
      "It is the head that 'poolctl journal verify' told: 64 digits and letters a to f.",
    );
  }
  if (hash === genesisHash) return {hash, seq: 0};
  const entry = (await journal.inspect()).find(each => each.hash === hash);
  return {hash, seq: entry?.seq ?? null};
}

function describeHead({hash, seq}: KeptHead, now: {isHeld: boolean; entries: number}): string {
  if (!now.isHeld)
    return `MISSING: no entry has the hash ${hash}: what was written until then was cut off or rewritten`;
  const since = now.entries - (seq ?? 0);
  return `the head that was kept is entry ${seq}; ${counted(since, 'entry', 'entries')} since`;
}

/** Everything there is, and exit 8 where it does not verify. */
async function exportAll({journal, output}: JournalPorts, format: string): Promise<ExitCode> {
  const text = exportJournal(await journal.inspect(), format);
  if (text !== '') output.stdout(text);
  const {ok, reason} = await journal.verify();
  if (!ok) output.stderr(sanitise(`poolctl: the journal does not verify: ${reason}`));
  return ok ? exitCodes.ok : exitCodes.journal;
}

/** `unknown, verify`: nobody knows whether it happened. */
function describeUnfinished({run, step, at, target, title, acting_pid}: UnfinishedIntent): string {
  const state = acting_pid === null ? 'unknown, verify' : `under way (pid ${acting_pid})`;
  return `${state}: run ${run} step ${step + 1} at ${at} on ${target}: ${title}`;
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
    case 'rollout':
      return `rollout ${entry.name}, ${counted(entry.stages.length, 'stage')}`;
    case 'stage':
      return `stage ${entry.name}: ${entry.phase}${entry.detail === null ? '' : `: ${entry.detail}`}`;
  }
}

function headOf(entries: readonly JournalEntry[]): string {
  return entries.at(-1)?.hash ?? genesisHash;
}

function printJson(output: Output, document: object): void {
  output.stdout(jsonText(document, 2));
}
