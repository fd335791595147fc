import {fork} from 'node:child_process';
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import process from 'node:process';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {AbortError, BugError, exitCodes} from '../core/errors.ts';
import type {TrafficMessage, TrafficTask} from './traffic-process.ts';

/**
 * Starts a demo's clients in their own process, so that they do not slow the console. Resolves when the incident is in place.
 * The process ends with this one, even after kill -9. Throws AbortError if it does not start.
 */
export async function startTraffic(
  task: TrafficTask,
  entry: URL = trafficEntry(),
): Promise<{stop(): Promise<void>}> {
  const child = fork(fileURLToPath(entry), [], {
    // Its own process group, so that Ctrl-C and Ctrl-Z in the terminal go to the console.
    detached: true,
    env: withoutPg(process.env),
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: entry.pathname.endsWith('.ts') ? ['--import', typescriptLoader()] : [],
  });
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message));
    child.once('exit', () => resolve('its process ended'));
  });
  const stop = async () => {
    child.ref();
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    await ended;
    clearTimeout(timer);
  };
  child.send(task, () => {});
  const answer = await Promise.race([
    new Promise<TrafficMessage>(resolve => {
      child.once('message', message => resolve(message as TrafficMessage));
    }),
    ended.then((message): TrafficMessage => ({kind: 'failed', message})),
  ]);
  if (answer.kind === 'failed') {
    await stop();
    throw new AbortError(`the demo's traffic did not start: ${answer.message}`, {
      exitCode: exitCodes.connection,
    });
  }
  child.unref();
  child.channel?.unref();
  return {stop};
}

/** Next to this file in the source; in dist next to the chunks or one folder up. */
function trafficEntry(): URL {
  const names = import.meta.url.endsWith('.ts')
    ? ['./traffic-process.ts']
    : ['../demo-traffic.js', './demo-traffic.js'];
  const urls = names.map(name => new URL(name, import.meta.url));
  const [found] = urls.filter(url => existsSync(url));
  if (found) return found;
  throw new BugError(`the demo's traffic program is not found at ${urls.join(' or ')}`);
}

/** Removes PGSSLMODE, PGOPTIONS and others, which are meant for the user's own server. */
function withoutPg(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('PG')));
}

function typescriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
}
