import {createReadStream} from 'node:fs';
import {createInterface} from 'node:readline';

/** A line of the server's log (log_destination = jsonlog, log_timezone = UTC), as far as it is needed. */
export type LogLine = {
  at_ms: number;
  pid: number;
  user: string;
  application_name: string;
  /** Hex seconds of the session's start, a point, the pid in hex. */
  session_id: string;
  state_code: string | null;
  message: string;
  detail: string;
};

export async function readServerLog(file: string, isKept: (line: LogLine) => boolean): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const text of createInterface({input: createReadStream(file)})) {
    const line = parse(text);
    if (line !== null && isKept(line)) lines.push(line);
  }
  return lines;
}

function parse(text: string): LogLine | null {
  try {
    const {timestamp, pid, user, application_name, session_id, state_code, message, detail} =
      JSON.parse(text);
    return {
      at_ms: Date.parse(String(timestamp).replace(' UTC', 'Z').replace(' ', 'T')),
      pid,
      user: user ?? '',
      application_name: application_name ?? '',
      session_id: session_id ?? '',
      state_code: state_code ?? null,
      message: message ?? '',
      detail: detail ?? '',
    };
  } catch {
    // The line that the server was writing when it was stopped.
    return null;
  }
}

/** A timestamptz in whatever ISO form, as microseconds since 1970. */
export function microsOf(text: string): number {
  const [, date, time, fraction = '', zone = ''] =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d)/.exec(text) ?? [];
  const seconds = Date.parse(`${date}T${time}${zone === 'Z' ? 'Z' : `${zone}:00`}`) / 1000;
  return seconds * 1_000_000 + Number(fraction.padEnd(6, '0'));
}
