import type {Call} from '../../cli/call/usage.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {openConfiguredJournal} from '../../cli/journal.ts';
import {writePrivateFile} from '../../cli/local-files.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {noSettings} from '../../core/configuration.ts';
import {findRun} from '../../core/engine/undo.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {createClock, utcClock} from '../../core/text/clock.ts';
import {jsonText} from '../../core/text/json.ts';
import {parseTimestamp} from '../../core/text/time.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {ExitCode} from '../../model/run.ts';
import {type OpenRecording, openRecording} from '../../recording/recording.ts';
import type {usage} from './flags.ts';
import {markdownOf} from './render-markdown.ts';
import {createReport, type ReportScope} from './report.ts';

/** A report of one run covers this long before and after it. */
const aroundRunMs = 600_000;

type ReportFlags = Call<typeof usage>['flags'];

/** `poolctl report [file]`: reports an incident from a recording, the journal or both. */
export async function run(
  context: CliContext,
  {words: [file], flags}: Call<typeof usage>,
): Promise<ExitCode> {
  if (file === undefined && flags.since === undefined && flags.run === undefined) {
    throw usageError(
      'report needs a recording, --since or --run',
      'Usage: poolctl report FILE, --since 14:00 or --run ID.',
    );
  }
  if (flags.json && flags.html !== undefined)
    throw usageError('--json and --html cannot be used together', 'Report twice.');
  const {output} = context;
  const recording = file === undefined ? null : await openRecording(file);
  if (recording?.problem) printMessage(output, recording.problem);
  const {recipes} = await loadRecipes(flags, noSettings);
  const journal = openConfiguredJournal(context, flags);
  const entries = await journal.inspect();
  const report = await createReport(
    {recording: recording?.recording ?? null, entries, recipes, underWay: journal.underWay(entries)},
    scopeOf(flags, recording, entries),
  );
  if (flags.json) {
    const {reportDocument} = await import('./render-json.ts');
    output.stdout(jsonText(reportDocument(report), 2));
    return exitCodes.ok;
  }
  const clock = createClock({...report, time_zone: zoneOf(flags)});
  if (flags.html === undefined) {
    output.stdout(markdownOf(report, clock));
    return exitCodes.ok;
  }
  const {htmlOf} = await import('./render-html.ts');
  if (flags.html === '-') {
    output.stdout(htmlOf(report, clock));
    return exitCodes.ok;
  }
  await writePrivateFile(flags.html, htmlOf(report, clock));
  printMessage(output, `written to ${flags.html}`);
  return exitCodes.ok;
}

function zoneOf(flags: ReportFlags): string {
  const {timeZone} = Intl.DateTimeFormat().resolvedOptions();
  const zone = flags['time-zone'] ?? timeZone;
  try {
    return Intl.DateTimeFormat('en', {timeZone: zone}).resolvedOptions().timeZone;
  } catch (error) {
    throw usageError(`unknown time zone "${zone}"`, 'Use a name such as Europe/Berlin, or UTC.', error);
  }
}

function scopeOf(
  flags: ReportFlags,
  recording: OpenRecording | null,
  entries: readonly JournalEntry[],
): ReportScope {
  const times = recording?.recording.times() ?? [];
  const last_ms = times.at(-1)?.at_ms ?? Date.now();
  const run =
    flags.run === undefined ? null : (rolloutNamed(entries, flags.run) ?? findRun(entries, flags.run).run);
  const around = run === null ? null : timeAround(run.run, entries);
  const from_ms = readTime('--since', flags.since, last_ms) ?? around?.from_ms ?? times[0]?.at_ms ?? last_ms;
  const to_ms = readTime('--until', flags.until, last_ms) ?? around?.to_ms ?? last_ms;
  if (from_ms > to_ms) {
    throw usageError(
      `--since (${utcClock(from_ms)}) is after --until (${utcClock(to_ms)})`,
      'Exchange them, or give both with their date.',
    );
  }
  return {target: recording?.target ?? run?.target ?? null, from_ms, to_ms, run: run?.run ?? null};
}

/** Finds a rollout by its id or the first characters of it. */
function rolloutNamed(entries: readonly JournalEntry[], id: string): JournalEntry | null {
  return entries.find(({event, run}) => event === 'rollout' && run.startsWith(id)) ?? null;
}

function timeAround(run: string, entries: readonly JournalEntry[]): {from_ms: number; to_ms: number} {
  const times = entries.filter(entry => entry.run === run).map(({at}) => Date.parse(at));
  return {from_ms: Math.min(...times) - aroundRunMs, to_ms: Math.max(...times) + aroundRunMs};
}

function readTime(flag: string, text: string | undefined, last_ms: number): number | null {
  if (text === undefined) return null;
  const at_ms = parseTimestamp(text, last_ms);
  if (at_ms !== null) return at_ms;
  throw usageError(
    `invalid time "${text}" for ${flag}`,
    'Use 14:00 or "2026-01-31 14:00" (UTC), or 2h for two hours ago.',
  );
}
