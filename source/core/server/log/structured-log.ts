import type {createLogClock, LogEntry} from './log-entry.ts';

type Clock = ReturnType<typeof createLogClock>;

/** The messages of a log with log_destination jsonlog: one object a line. A cut line is left out. */
export function parseJsonLog(text: string, clock: Clock): LogEntry[] {
  return text.split('\n').flatMap(line => {
    if (!line.startsWith('{')) return [];
    let row: Record<string, unknown>;
    try {
      row = JSON.parse(line);
    } catch {
      return [];
    }
    const word = (name: string) => {
      const value = row[name];
      return typeof value === 'string' && value !== '' ? value : null;
    };
    if (word('error_severity') === null) return [];
    return [
      {
        at: clock(word('timestamp')),
        pid: typeof row.pid === 'number' ? row.pid : null,
        severity: word('error_severity') ?? '',
        sqlstate: word('state_code'),
        message: word('message') ?? '',
        detail: word('detail'),
        context: word('context'),
        statement: word('statement'),
        application_name: withoutUnknown(word('application_name')),
        usename: withoutUnknown(word('user')),
        datname: withoutUnknown(word('dbname')),
      },
    ];
  });
}

/** Columns of a CSV log (runtime-config-logging); version 14 added two at the end. */
const columns = {
  time: 0,
  usename: 1,
  datname: 2,
  pid: 3,
  severity: 11,
  sqlstate: 12,
  message: 13,
  detail: 14,
};
const laterColumns = {context: 18, statement: 19, application_name: 22};
const fewestColumns = 23;

/** The messages of a log with log_destination csvlog. The end of a record whose beginning is missing is left out. */
export function parseCsvLog(text: string, clock: Clock): LogEntry[] {
  return csvRecords(text).flatMap(record => {
    if (record.length < fewestColumns || !isTime.test(record[0] ?? '')) return [];
    const field = (index: number) => record[index] || null;
    const pid = Number(field(columns.pid));
    return [
      {
        at: clock(field(columns.time)),
        pid: Number.isInteger(pid) ? pid : null,
        severity: field(columns.severity) ?? '',
        sqlstate: field(columns.sqlstate),
        message: field(columns.message) ?? '',
        detail: field(columns.detail),
        context: field(laterColumns.context),
        statement: field(laterColumns.statement),
        application_name: withoutUnknown(field(laterColumns.application_name)),
        usename: withoutUnknown(field(columns.usename)),
        datname: withoutUnknown(field(columns.datname)),
      },
    ];
  });
}

/** A record begins with a time at the start of a line: after a cut the first such line is where reading begins. */
const recordStart = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [^\s,]+,(?=[",])/m;
const isTime = /^\d{4}-\d\d-\d\d /;

function csvRecords(text: string): string[][] {
  const begin = recordStart.exec(text)?.index;
  if (begin === undefined) return [];
  const records: string[][] = [];
  let record: string[] = [];
  const fieldPattern = /(?:"((?:[^"]|"")*)"|([^,\n"]*))(,|\r?\n|$)/y;
  fieldPattern.lastIndex = begin;
  while (fieldPattern.lastIndex < text.length) {
    const match = fieldPattern.exec(text);
    // A quote that is not closed: the last record is not written to its end yet.
    if (match === null) break;
    const [, quoted, plain = '', end] = match;
    record.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    records.push(record);
    record = [];
  }
  return records;
}

function withoutUnknown(value: string | null): string | null {
  return value === '[unknown]' ? null : value;
}
