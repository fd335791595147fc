import {createDatabases, oncallRole} from './databases.ts';
import {startServer} from './server.ts';
import {startTraffic} from './traffic.ts';

export type DemoOptions = {
  /** The same seed makes the same rows and requests. */
  seed?: number;
  /** The same applications without the incident. */
  calm?: boolean;
  onProgress?: (text: string) => void;
  /** The program that makes the traffic; by default the one beside this program. */
  trafficEntry?: URL;
  /** Requires server binaries of this major version. */
  major?: number;
};

export type Demo = {
  /** URL of the role of the person on call: pg_monitor and pg_signal_backend, not a superuser. */
  url: string;
  superuserUrl: string;
  /** For POOLCTL_RESCUE_URL: a superuser, who can use the reserved slots. */
  rescueUrl: string;
  /** One line: version, applications, incident or calm, seed. */
  description: string;
  /** Stops traffic and server and removes their files. */
  stop(): Promise<void>;
};

/**
 * Starts a throwaway PostgreSQL with three applications, in the incident or calm. Resolves when the incident is in place.
 * Throws AbortError when there are no server binaries or the server does not start.
 */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const {seed = 1, calm = false, onProgress = () => {}, trafficEntry, major} = options;
  onProgress('starting a throwaway PostgreSQL');
  const server = await startServer({settings, ...(major === undefined ? {} : {major})});
  try {
    onProgress('creating the databases of three applications');
    const passwords = await createDatabases(server, {seed, calm, onProgress});
    onProgress(calm ? 'starting their traffic' : 'starting their traffic and the incident');
    const {host, port, superuserPassword} = server;
    const traffic = await startTraffic({seed, calm, host, port, passwords, superuserPassword}, trafficEntry);
    const rescueUrl = server.url({database});
    return {
      url: server.url({user: oncallRole, password: passwords[oncallRole] ?? '', database}),
      superuserUrl: rescueUrl,
      rescueUrl,
      description: describe(server.version, {seed, calm}),
      async stop() {
        await traffic.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const database = 'assessments';

const settings = {
  // As many as small hosted plans have, so that connection slots run short.
  max_connections: 60,
  shared_preload_libraries: 'pg_stat_statements',
  track_io_timing: 'on',
  // The server, its clients and the console share two cores.
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
};

function describe(version: number, {seed, calm}: {seed: number; calm: boolean}): string {
  const number = `${Math.floor(version / 10_000)}.${version % 10_000}`;
  const state = calm ? 'calm' : 'during an incident';
  return `PostgreSQL ${number}, three applications, ${state} (seed ${seed})`;
}
