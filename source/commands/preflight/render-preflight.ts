import {counted, formatAge, formatBytes, formatCount, formatSpan} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {LockMode, Preflight, PreflightStatement} from '../../model/preflight.ts';

const words = {safe: 'safe', wait: 'WAIT', unsafe: 'UNSAFE'} as const;

/** One block for each statement: its verdict and text, then locks, reasons, and the safer form. */
export function preflightText(document: Preflight, columns: number): string {
  const {statements, verdict, target, window_ms, file, unavailable} = document;
  const where = target === null ? 'from the text alone' : `on ${target.id}`;
  const measured = window_ms === null ? '' : `, statements counted for ${formatSpan(window_ms)}`;
  const blocks = statements.map(statement => statementLines(statement, columns).join('\n'));
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

function statementLines(statement: PreflightStatement, columns: number): string[] {
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
    ...(work === null
      ? []
      : [
          `  ${work}${duration_ms === null ? '' : `, about ${formatAge(duration_ms.low)} to ${formatAge(duration_ms.high)} (${duration_ms.basis})`}`,
        ]),
    ...(statement.in_transaction ? [] : ['  cannot run in a transaction']),
    ...holderLines(statement),
    ...reasons.map(reason => `  ! ${reason}`),
    ...notes.map(note => `  ${note}`),
    ...(safe_form === null
      ? []
      : ['  safer, each statement by itself:', ...safe_form.split('\n').map(each => `    ${each}`)]),
  ];
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

function workText({rewrites, scans}: PreflightStatement): string | null {
  if (rewrites === null) return 'may rewrite the table: that depends on what only the server knows';
  if (rewrites) return 'rewrites the table';
  return scans ? 'reads the whole table' : null;
}

function holderLines({holders}: PreflightStatement): string[] {
  return (holders ?? []).slice(0, 10).map(holder => {
    const {pid, application_name, usename, state, relation, mode, xact_age_ms} = holder;
    const who = pid === null ? 'prepared transaction' : `${pid}`;
    const name = [application_name || '(no name)', usename].filter(Boolean).join('/');
    const what = relation === null ? 'has an old snapshot' : `holds ${mode} on ${relation}`;
    return `  in its way: ${who} ${name} ${state ?? ''} ${what}, transaction ${formatAge(xact_age_ms)} old`;
  });
}
