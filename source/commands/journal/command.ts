import {existsSync} from 'node:fs';
import type {Call} from '../../cli/call/usage.ts';
import {type CliContext, type Output, printMessage} from '../../cli/context.ts';
import {openConfiguredJournal, rolloutsOf, runsMarkdown, runsOf} from '../../cli/journal.ts';
import {undoStateOf} from '../../core/engine/undo.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {shownValue} from '../../core/sql/secrets.ts';
import {shownLines} from '../../core/sql/shown-sql.ts';
import {counted} from '../../core/text/format.ts';
import {canonicalJson, escapeJson, jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {genesisHash} from '../../journal/chain.ts';
import type {ChainVerdict} from '../../journal/read-journal.ts';
import type {JournalEntry, UnfinishedIntent} from '../../model/journal-entry.ts';
import type {ExitCode} from '../../model/run.ts';
import {exportFormats, type usage} from './flags.ts';
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

/** `poolctl journal [list|show|verify|export] [run]`. */
export async function run(context: CliContext, {words, flags}: Call<typeof usage>): Promise<ExitCode> {
  const journal = openConfiguredJournal(context, flags);
  // A journal that is not there verifies only where none is expected: nothing was executed yet.
  const isNamed = flags.journal !== undefined || Boolean(context.env.POOLCTL_JOURNAL);
  if (words[0] === 'verify' && isNamed && !existsSync(journal.file)) {
    throw new AbortError(`no journal ${journal.file}`, {
      hint: 'Give the file of --journal or POOLCTL_JOURNAL that the runs had.',
      exitCode: exitCodes.journal,
    });
  }
  return showJournal({journal, output: context.output}, words, flags);
}

/** Exit 8 if the chain does not verify or lacks the entry of `--head`, 2 for an unknown run. */
export async function showJournal(
  ports: JournalPorts,
  words: readonly string[],
  {json = false, format = 'jsonl', head}: JournalFlags,
): Promise<ExitCode> {
  const flags = {json};
  const [verb = 'list', run] = words;
  if (run !== undefined && verb !== 'show') throw usageError('unexpected argument', usageHint);
  if (verb === 'list') return list(ports, flags);
  if (verb === 'verify') return verify(ports, {json, head});
  if (verb === 'export') return exportAll(ports, format);
  if (verb === 'show' && run !== undefined) return show(ports, run, flags);
  throw usageError(
    verb === 'show' ? 'journal show needs a run' : `unknown subcommand "${verb}" of journal`,
    usageHint,
  );
}

const usageHint = 'Usage: poolctl journal list, show <run>, verify or export.';

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
    printMessage(output, `no entries in ${journal.file}`);
  } else {
    output.stdout(entries.map(entry => sanitise(describeEntry(entry))).join('\n'));
  }
  return exitCodes.ok;
}

async function show({journal, output}: JournalPorts, run: string, flags: {json: boolean}): Promise<ExitCode> {
  const all = await journal.inspect();
  // `run` may be the first characters of an id, if they are unique.
  const runs = new Set(all.map(entry => entry.run).filter(id => id.startsWith(run)));
  const id = runs.has(run) ? run : [...runs][0];
  if (id === undefined || (id !== run && runs.size > 1)) {
    throw usageError(
      runs.size === 0
        ? `no run "${run}" in ${journal.file}`
        : `${runs.size} runs begin with "${run}" in ${journal.file}`,
      "'poolctl journal list' lists the runs.",
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
  const required = flags.head === undefined ? null : await findHead(journal, flags.head);
  const {ok: isUnbroken, entries, head, broken_at, reason, torn_bytes, unfinished} = await journal.verify();
  // The chain alone verifies even if it was truncated and continued, or rewritten as a whole.
  const hasHead = required === null || (required.seq !== null && required.seq <= entries);
  const ok = isUnbroken && hasHead;
  if (flags.json) {
    const requiredHead = required === null ? {} : {kept_head: required};
    printJson(output, {
      ...{schema_version: 1, ok, entries, head, broken_at, reason, torn_bytes, unfinished},
      ...requiredHead,
    });
  } else {
    const verdict = isUnbroken
      ? `${journal.file}: ${counted(entries, 'entry', 'entries')}, verified; head ${head}`
      : `${journal.file}: BROKEN at entry ${broken_at}: ${reason}`;
    const torn = `the last line is incomplete (${counted(torn_bytes, 'byte')}): its writer was killed. The next run moves it to a .torn file.`;
    const lines = [
      verdict,
      ...(torn_bytes > 0 && isUnbroken ? [torn] : []),
      ...(required === null ? [] : [describeHead(required, {hasHead, entries})]),
    ];
    output.stdout([...lines, ...unfinished.map(describeUnfinished)].map(sanitise).join('\n'));
  }
  return ok ? exitCodes.ok : exitCodes.journal;
}

type RequiredHead = {hash: string; seq: number | null};

/** The entry with the hash of `--head`. Throws AbortError (exit 2) for an invalid hash. */
async function findHead(journal: JournalPorts['journal'], hash: string): Promise<RequiredHead> {
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw usageError(
      '--head takes the hash of an entry',
      "It is the head that 'poolctl journal verify' prints: 64 hexadecimal digits.",
    );
  }
  if (hash === genesisHash) return {hash, seq: 0};
  const entry = (await journal.inspect()).find(each => each.hash === hash);
  return {hash, seq: entry?.seq ?? null};
}

function describeHead({hash, seq}: RequiredHead, now: {hasHead: boolean; entries: number}): string {
  if (!now.hasHead) return `MISSING: no entry has the hash ${hash}; the journal was truncated or rewritten`;
  const since = now.entries - (seq ?? 0);
  return `--head is entry ${seq}; ${counted(since, 'entry', 'entries')} since`;
}

/** Prints all entries; exit 8 if they do not verify. */
async function exportAll({journal, output}: JournalPorts, format: string): Promise<ExitCode> {
  const text = exportJournal(await journal.inspect(), format);
  if (text !== '') output.stdout(text);
  const {ok, reason} = await journal.verify();
  if (!ok) printMessage(output, `the journal does not verify: ${reason}`);
  return ok ? exitCodes.ok : exitCodes.journal;
}

/** `outcome unknown, check the server`: interrupted before its outcome was recorded. */
function describeUnfinished({run, step, at, target, title, acting_pid}: UnfinishedIntent): string {
  const state = acting_pid === null ? 'outcome unknown, check the server' : `running (pid ${acting_pid})`;
  return `${state}: run ${run} step ${step + 1} at ${at} on ${target}: ${title}`;
}

function describeEntry(entry: JournalEntry): string {
  const {seq, at, actor, target, run} = entry;
  return `${String(seq).padStart(5)}  ${at}  ${run}  ${actor}  ${target}  ${summaryOf(entry)}`;
}

function summaryOf(entry: JournalEntry): string {
  switch (entry.event) {
    case 'run':
      return `${entry.undoes === undefined ? 'run' : `undo of run ${entry.undoes},`} ${entry.recipe}, ${counted(entry.step_count, 'step')}`;
    case 'intent':
      return `intent ${entry.step + 1}: ${entry.content.title}`;
    case 'outcome':
      return `outcome ${entry.step + 1}: ${resultText(entry)}`;
    case 'end':
      return `end: ${entry.status}${entry.reason === null || entry.reason === entry.status ? '' : `: ${entry.reason}`}`;
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

/**
 * Renders all entries in one of `exportFormats`. `jsonl` keeps the journal's lines, so that other tools can verify the
 * chain. Throws AbortError (exit 2) for an unknown format.
 */
function exportJournal(entries: readonly JournalEntry[], format: string): string {
  switch (format) {
    case 'jsonl':
      return entries.map(entry => escapeJson(canonicalJson(entry))).join('\n');
    case 'csv':
      return csvOf(entries);
    case 'markdown':
      return runsMarkdown(runsOf(entries, everything), rolloutsOf(entries, everything));
  }
  throw usageError(`unknown format "${format}"`, `Use --format ${exportFormats.join(', ')}.`);
}

const everything = {target: null, from_ms: -Infinity, to_ms: Infinity, run: null};

const csvColumns = [
  'seq',
  'at',
  'actor',
  'target',
  'run',
  'event',
  'recipe',
  'undoes',
  'step',
  'subject',
  'title',
  'sql',
  'values',
  'outcome',
  'row_count',
  'sqlstate',
  'message',
  'duration_ms',
  'status',
  'reason',
  'hash',
  'previous',
];

/** RFC 4180. */
function csvOf(entries: readonly JournalEntry[]): string {
  const rows = entries.map(entry => {
    const values: Record<string, unknown> = {...entry, ...contentOf(entry)};
    return csvColumns.map(column => csvCell(values[column]));
  });
  return [csvColumns, ...rows].map(row => row.join(',')).join('\r\n');
}

function contentOf(entry: JournalEntry): Record<string, unknown> {
  if (entry.event === 'rollout') return {title: entry.name};
  // `detail` is the stage's command or the reason of its phase.
  if (entry.event === 'stage') {
    const {stage, name, phase, detail} = entry;
    return {step: stage, subject: name, outcome: phase, title: detail};
  }
  if (entry.event !== 'intent') return {};
  const {subject, title} = entry.content;
  if (entry.content.kind !== 'sql') return {subject, title};
  const {text, values} = entry.content.apply;
  return {
    subject,
    title,
    sql: shownLines(text).join('\n'),
    values: escapeJson(JSON.stringify(shownValue(values))),
  };
}

/** Prefixes a quote to a cell that a spreadsheet would read as a formula, as OWASP advises. */
function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = String(value)
    .split(/\r\n|\n|\r/)
    .map(sanitise)
    .join('\n');
  const plain = typeof value === 'string' && /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
