import type {createLogClock, LogEntry} from './log-entry.ts';

/** What each escape of log_line_prefix stands for (runtime-config-logging); others are not needed. */
const escapes: Record<string, string> = {
  a: '(?<application_name>.{0,80}?)',
  u: '(?<usename>.{0,80}?)',
  d: '(?<datname>.{0,80}?)',
  p: '(?<pid>\\d+)',
  t: '(?<time>\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\S+)',
  m: '(?<time>\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d+ \\S+)',
  n: '(?<epoch>\\d+\\.\\d+)',
  e: '(?<sqlstate>[0-9A-Z]{5})',
  c: '(?<session>[0-9a-f]+\\.[0-9a-f]+)',
};

/** Bounded, as is the prefix, so that a line of another form costs little. */
const unknown = '.{0,80}?';
const longestPrefix = 500;

/**
 * A pattern of lines with this log_line_prefix. A field that is empty, or [unknown] before a session is authenticated, matches, too. An
 * escape that comes twice is captured the first time.
 */
function linePattern(prefix: string): RegExp {
  const seen = new Set<string>();
  let optional = 0;
  const pattern = prefix.replace(
    /%(-?\d+)?([a-zA-Z%])|([\\^$.*+?()[\]{}|/])/g,
    (_, padding, letter, mark) => {
      if (mark !== undefined) return `\\${mark}`;
      if (letter === '%') return '%';
      // Processes without a session stop here.
      if (letter === 'q') {
        optional++;
        return '(?:';
      }
      const known = escapes[letter];
      const name = /<(\w+)>/.exec(known ?? '')?.[1] ?? '';
      const value = known === undefined || seen.has(name) ? unknown : known;
      seen.add(name);
      return padding === undefined ? value : ` *${value} *`;
    },
  );
  return new RegExp(`^${pattern}${')?'.repeat(optional)}(?<severity>[A-Z]+): {1,2}`);
}

/** Lines of a message after its first have these instead of a severity. */
const parts = new Set(['DETAIL', 'HINT', 'QUERY', 'CONTEXT', 'STATEMENT', 'LOCATION', 'BACKTRACE']);

/**
 * The messages of a log with log_destination stderr, by its log_line_prefix. What comes before the first line with a
 * prefix is the end of a message that is not there, and left out.
 */
export function parseStderrLog(
  text: string,
  {prefix, clock}: {prefix: string; clock: ReturnType<typeof createLogClock>},
): LogEntry[] {
  const pattern = linePattern(prefix);
  const entries: LogEntry[] = [];
  const lastOf = new Map<string, LogEntry>();
  let open: {entry: LogEntry; part: 'message' | 'detail' | 'context' | 'statement' | null} | null = null;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    // The server begins each further line of a message with a tab.
    const match = line.startsWith('\t') ? null : pattern.exec(line.slice(0, longestPrefix));
    if (match === null) {
      if (open !== null && open.part !== null) open.entry[open.part] = joined(open.entry[open.part], line);
      continue;
    }
    const {severity = '', pid, session, ...groups} = match.groups ?? {};
    const words = line.slice(match[0].length).replace(/\r$/, '');
    // Messages of processes may be mixed, and those of one come in order.
    const process = pid ?? session ?? '';
    if (parts.has(severity)) {
      const entry = lastOf.get(process);
      const part = partOf(severity);
      open = entry === undefined ? null : {entry, part};
      if (entry !== undefined && part !== null) entry[part] = joined(entry[part], words);
      continue;
    }
    const entry: LogEntry = {
      at:
        groups.epoch === undefined ? clock(groups.time) : new Date(Number(groups.epoch) * 1000).toISOString(),
      pid: pidOf(pid, session),
      severity,
      sqlstate: groups.sqlstate ?? null,
      message: words.replace(atCharacter, ''),
      ...{detail: null, context: null, statement: null},
      application_name: known(groups.application_name),
      usename: known(groups.usename),
      datname: known(groups.datname),
    };
    entries.push(entry);
    lastOf.set(process, entry);
    open = {entry, part: 'message'};
  }
  return entries;
}

/** Where in the statement, which the other formats have in a field of its own. */
const atCharacter = / at character \d+$/;

function partOf(severity: string): 'detail' | 'context' | 'statement' | null {
  if (severity === 'DETAIL') return 'detail';
  if (severity === 'CONTEXT') return 'context';
  return severity === 'STATEMENT' ? 'statement' : null;
}

/** Bounds one message: a statement may be of megabytes. */
const longestPart = 8192;

function joined(before: string | null, line: string): string {
  const words = line.replace(/^\t/, '');
  if (before === null) return words.slice(0, longestPart);
  return before.length >= longestPart ? before : `${before}\n${words}`.slice(0, longestPart);
}

/** %c is the start of the process and its pid, in hexadecimal. */
function pidOf(pid: string | undefined, session: string | undefined): number | null {
  if (pid !== undefined) return Number(pid);
  return session === undefined ? null : Number.parseInt(session.split('.')[1] ?? '', 16);
}

function known(value: string | undefined): string | null {
  return value === undefined || value === '' || value === '[unknown]' ? null : value;
}
