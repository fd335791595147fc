import {spawn} from 'node:child_process';
import {access, constants} from 'node:fs/promises';
import path from 'node:path';
import {findDial} from '../../../source/postgres/connect/dial.ts';
import {type CaptureLog, createCaptureLog} from '../../../source/replay/capture/capture-log.ts';
import {endpointFileText, toEndpoint} from '../../../source/replay/capture/endpoint-file.ts';
import {startProxy} from '../../../source/replay/capture/proxy.ts';
import {observeSession} from '../../../source/replay/capture/session.ts';
import {parseSqlEndpoint} from '../../../source/replay/endpoint/parse-sql.ts';
import type {SqlEndpoint, SqlNode} from '../../../source/replay/endpoint/sql-endpoint.ts';
import {requestTo} from '../../postgres/requests.ts';

export type Capture = {
  port: number;
  /** A URL of the server with the capture's address. */
  through(url: string): string;
  log: CaptureLog;
  reported: string[];
  /** The file's text. */
  text(): string;
  /** The file, parsed. */
  read(): SqlEndpoint;
  close(): Promise<void>;
};

/** Starts a capture in front of the server at `url`, as poolctl does. */
export async function openCapture(url: string): Promise<Capture> {
  const request = requestTo(url);
  const dial = await findDial(request);
  const log = createCaptureLog();
  const reported: string[] = [];
  let connection = 0;
  const {port, close} = await startProxy({
    dial,
    port: 0,
    observe: startup => observeSession(log, {connection: connection++, startup}),
    report: text => void reported.push(text),
  });
  const text = () => endpointFileText(toEndpoint(log, 'GET /captured'), 'a test');
  return {
    port,
    through(to) {
      const address = new URL(to);
      address.hostname = '127.0.0.1';
      address.port = String(port);
      return address.href;
    },
    log,
    reported,
    text,
    read: () => parseSqlEndpoint(text(), 'captured.sql'),
    close,
  };
}

/** The nodes of the one variant, without their lines. */
export function nodesOf({variants}: SqlEndpoint): unknown[] {
  return brief(variants[0]?.body ?? []);
}

/** The same without what depends on the machine's speed: pauses, and groups that exist only for them. */
export function statementsOf({variants}: SqlEndpoint): unknown[] {
  return brief((variants[0]?.body ?? []).flatMap(withoutThink));
}

function withoutThink(node: SqlNode): SqlNode[] {
  if (node.kind === 'think') return [];
  if (!('body' in node)) return [node];
  const body = node.body.flatMap(withoutThink);
  return node.kind === 'group' && body.length === 1 ? body : [{...node, body}];
}

function brief(nodes: readonly SqlNode[]): unknown[] {
  return nodes.map(({line: _, ...node}) => {
    if (node.kind === 'statement') return [node.text, ...node.params.map(paramText)];
    return 'body' in node ? {...node, body: brief(node.body)} : node;
  });
}

function paramText(param: Extract<SqlNode, {kind: 'statement'}>['params'][number]): unknown {
  if ('name' in param) return `$${param.name}`;
  return 'bytes' in param ? `\\x${Buffer.from(param.bytes).toString('hex')}` : param.value;
}

/** PostgreSQL's own clients, if installed. */
export const psql = await where('psql');
export const pgDump = await where('pg_dump');
export const pgbench = await where('pgbench');

async function where(name: string): Promise<string | null> {
  const paths = (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, name));
  for (const each of paths) {
    try {
      await access(each, constants.X_OK);
      return each;
    } catch {}
  }
  return null;
}

/** A program's output. Throws with its stderr if it fails. */
export function outputOf(
  program: string | null,
  args: string[],
  {env = {}, input = ''}: {env?: Record<string, string>; input?: string} = {},
): Promise<string> {
  if (program === null) throw new Error('it is not installed');
  const child = spawn(program, args, {env: {PATH: process.env.PATH, ...env}});
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code =>
      code === 0 ? resolve(stdout) : reject(new Error(`${program} ended with ${code}: ${stderr}`)),
    );
  });
}
