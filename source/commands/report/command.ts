import type {Flags} from '../../cli/call/parse-call.ts';
import type {CliContext} from '../../cli/context.ts';
import {openConfiguredJournal} from '../../cli/execution/engine-context.ts';
import {writePrivateFile} from '../../cli/local-files.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {parseTimestamp} from '../../core/activity/timestamps.ts';
import {noSettings} from '../../core/configuration.ts';
import {findRun} from '../../core/engine/undo.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {ExitCode} from '../../model/run.ts';
import {type OpenRecording, openRecording} from '../../recording/open-recording.ts';
import {markdownOf} from './render-markdown.ts';
import {createReport, type ReportScope} from './report.ts';

/** What is told of the time before and after a run. */
const aroundRunMs = 600_000;

/** An incident from a recording, the journal or both. */
export async function runReport(
  context: CliContext,
  file: string | undefined,
  flags: Flags,
): Promise<ExitCode> {
  if (file === undefined && flags.since === undefined && flags.run === undefined) {
    throw usageError('report: of what?', 'poolctl report FILE, --since 14:00 or --run ID');
  }
  const {output} = context;
  const recording = file === undefined ? null : await openRecording(file);
  if (recording?.problem) output.stderr(sanitise(`poolctl: ${recording.problem}`));
  const {recipes} = await loadRecipes(flags, noSettings);
  const journal = openConfiguredJournal(context, flags);
  const entries = await journal.inspect();
  const report = await createReport(
    {tape: recording?.recording ?? null, entries, recipes, underWay: journal.underWay(entries)},
    scopeOf(flags, recording, entries),
  );
  if (flags.html === undefined) {
    output.stdout(markdownOf(report));
    return exitCodes.ok;
  }
  const {htmlOf} = await import('./render-html.ts');
  if (flags.html === '-') {
    output.stdout(htmlOf(report));
    return exitCodes.ok;
  }
  await writePrivateFile(flags.html, htmlOf(report));
  output.stderr(sanitise(`poolctl: written to ${flags.html}`));
  return exitCodes.ok;
}

function scopeOf(
  flags: Flags,
  recording: OpenRecording | null,
  entries: readonly JournalEntry[],
): ReportScope {
  const moments = recording?.recording.times() ?? [];
  const last_ms = moments.at(-1)?.at_ms ?? Date.now();
  const run =
    flags.run === undefined ? null : (rolloutNamed(entries, flags.run) ?? findRun(entries, flags.run).run);
  const around = run === null ? null : timeOf(run.run, entries);
  return {
    target: recording?.target ?? run?.target ?? null,
    from_ms: momentOf('--since', flags.since, last_ms) ?? around?.from_ms ?? moments[0]?.at_ms ?? last_ms,
    to_ms: momentOf('--until', flags.until, last_ms) ?? around?.to_ms ?? last_ms,
    run: run?.run ?? null,
  };
}

/** A rollout by its whole number, or the beginning of it. */
function rolloutNamed(entries: readonly JournalEntry[], id: string): JournalEntry | null {
  return entries.find(({event, run}) => event === 'rollout' && run.startsWith(id)) ?? null;
}

function timeOf(run: string, entries: readonly JournalEntry[]): {from_ms: number; to_ms: number} {
  const times = entries.filter(entry => entry.run === run).map(({at}) => Date.parse(at));
  return {from_ms: Math.min(...times) - aroundRunMs, to_ms: Math.max(...times) + aroundRunMs};
}

function momentOf(flag: string, text: string | undefined, last_ms: number): number | null {
  if (text === undefined) return null;
  const at_ms = parseTimestamp(text, last_ms);
  if (at_ms !== null) return at_ms;
  throw usageError(
    `${flag} ${text}: no time`,
    'Write 14:00, 2026-01-31 14:00 (both UTC), or 2h for so long ago.',
  );
}
