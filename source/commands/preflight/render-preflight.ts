import {counted, formatAge, formatBytes, formatCount, formatSpan} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {LockHolder, LockMode, Preflight, PreflightStatement} from '../../model/preflight.ts';

const words = {safe: 'safe', wait: 'WAIT', unsafe: 'UNSAFE'} as const;

/** One block for each statement: its verdict and text, then locks, reasons, and the safer form. */
export function preflightText(document: Preflight, columns: number): string {
  const {statements, verdict, target, window_ms, file, unavailable} = document;
  const where = target === null ? 'from the text alone' : `on ${target.id}`;
  const measured = window_ms === null ? '' : `, statements counted for ${formatSpan(window_ms)}`;
  const blocks = statements.map((statement, index) =>
    statementLines(statement, {columns, before: statements[index - 1]}).join('\n'),
  );
  const count = (each: PreflightStatement['verdict']) =>
    statements.filter(statement => statement.verdict === each).length;
  const sum = (['unsafe', 'wait', 'safe'] as const)
    .filter(each => count(each) > 0)
    .map(each => `${count(each)} ${each}`)
    .join(', ');
  const last =
    statements.length === 0
      ? `${file}: nothing to run`
      : `${file}: ${words[verdict]} (${sum}), ${where}${measured}`;
  return [...blocks, ...unavailable, last]
    .map(block => block.split('\n').map(sanitise).join('\n'))
    .join('\n\n');
}

type Place = {columns: number; before: PreflightStatement | undefined};

function statementLines(statement: PreflightStatement, {columns, before}: Place): string[] {
  const {file, line, sql, verdict, reasons, notes, safe_form, duration_ms} = statement;
  const place = file === '' ? `line ${line}` : `${file}:${line}`;
  const head = `${words[verdict].padEnd(6)}  ${place}  `;
  const text = sql.replace(/\s+/g, ' ');
  const room = Math.max(30, columns - head.length);
  const shown = text.length > room ? `${text.slice(0, room - 3)}...` : text;
  const work = workText(statement);
  return [
    `${head}${shown}`,
    ...lockLines(statement),
    ...(work === null ? [] : [`  ${work}${durationText(duration_ms)}`]),
    ...(statement.in_transaction ? [] : ['  cannot run in a transaction']),
    ...holderLines(statement, before),
    ...reasons.map(reason => `  ! ${reason}`),
    ...notes.map(note => `  ${note}`),
    ...(safe_form === null
      ? []
      : ['  safer, each statement by itself:', ...safe_form.split('\n').map(each => `    ${each}`)]),
  ];
}

/** Empty below a second. */
function durationText(duration: PreflightStatement['duration_ms']): string {
  if (duration === null || duration.high < 1000) return '';
  return `, about ${formatSpan(duration.low)} to ${formatSpan(duration.high)} (${duration.basis})`;
}

/** Locks of one mode together. */
function lockLines({locks, queue_per_second}: PreflightStatement): string[] {
  const modes = [...new Set(locks.map(({mode}) => mode))];
  return modes.map(mode => {
    const own = locks.filter(lock => lock.mode === mode);
    const names = own
      .slice(0, 5)
      .map(({relation, size_bytes}) =>
        size_bytes === null ? relation : `${relation} (${formatBytes(size_bytes)})`,
      );
    const rest = own.length > 5 ? ` and ${counted(own.length - 5, 'relation')} more` : '';
    const isBlocking = own.some(({blocks_writes}) => blocks_writes);
    const queue =
      isBlocking && queue_per_second !== null
        ? `: ${formatCount(queue_per_second)} statements per second`
        : '';
    return `  ${mode} on ${names.join(', ')}${rest}: blocks ${blockText(own[0], mode)}${queue}`;
  });
}

function blockText(lock: PreflightStatement['locks'][number] | undefined, mode: LockMode): string {
  if (lock?.blocks_reads) return 'reads and writes';
  if (lock?.blocks_writes) return 'writes';
  return mode === 'SHARE UPDATE EXCLUSIVE' ? 'only VACUUM and other schema changes' : 'only schema changes';
}

function workText({rewrites, scans, locks}: PreflightStatement): string | null {
  if (rewrites === null && locks.length === 0) return null;
  if (rewrites === null) return 'may rewrite the table: that depends on what only the server knows';
  if (rewrites) return 'rewrites the table';
  return scans ? 'reads the whole table' : null;
}

const mostHolders = 5;

/** The oldest, unless they are those of the statement before. */
function holderLines({holders}: PreflightStatement, before: PreflightStatement | undefined): string[] {
  const all = holders ?? [];
  const pidsOf = (each: typeof all) => [...new Set(each.map(({pid}) => pid))].join();
  const isRepeated = all.length > 1 && pidsOf(all) === pidsOf(before?.holders ?? []);
  if (isRepeated) return [`  in its way: the same ${counted(all.length, 'lock')} as above`];
  const rest = all.length > mostHolders ? [`  in its way: ${all.length - mostHolders} more`] : [];
  return [...all.slice(0, mostHolders).map(holderLine), ...rest];
}

function holderLine(holder: LockHolder): string {
  const {pid, application_name, usename, state, relation, mode, xact_age_ms} = holder;
  const who = pid === null ? 'a prepared transaction' : `${pid} ${application_name || '(no name)'}`;
  const what = relation === null ? 'has an old snapshot' : `holds ${mode} on ${relation}`;
  const role = usename === null ? '' : ` of ${usename}`;
  return `  in its way: ${who}${role}, ${state ?? 'hidden'}, ${what}, transaction ${formatAge(xact_age_ms)} old`;
}
