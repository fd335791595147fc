import {createDatabases, oncallRole} from './databases.ts';
import {startServer} from './server.ts';
import {startTraffic} from './traffic.ts';

export type DemoOptions = {
  /** The same seed tells the same story. */
  seed?: number;
  /** The same applications, in health. */
  calm?: boolean;
  onProgress?: (text: string) => void;
  /** The traffic's own program, where it is not beside this one. */
  trafficEntry?: URL;
  /** Only with server binaries of this major version. */
  major?: number;
};

export type Demo = {
  /** As the person on call: pg_monitor and pg_signal_backend, no superuser. */
  url: string;
  superuserUrl: string;
  /** For POOLCTL_RESCUE_URL: gets in by the reserved slots. */
  rescueUrl: string;
  /** One line on what is on show. */
  description: string;
  /** Ends traffic and server and removes every trace. */
  stop(): Promise<void>;
};

/**
 * A real, throwaway PostgreSQL with the three applications on it, under the incident or calm. Resolves when the
 * story stands. Throws AbortError where there are no server binaries or it does not start.
 */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const {seed = 1, calm = false, onProgress = () => {}, trafficEntry, major} = options;
  onProgress('starting a throwaway PostgreSQL');
  const server = await startServer({settings, ...(major === undefined ? {} : {major})});
  try {
    onProgress('filling the databases of three applications');
    const passwords = await createDatabases(server, {seed, calm, onProgress});
    onProgress(calm ? 'starting their traffic' : 'starting their traffic, and the incident');
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
  // As small hosted plans have it, so that the slots run short.
  max_connections: 60,
  shared_preload_libraries: 'pg_stat_statements',
  track_io_timing: 'on',
  // A machine of two cores is to carry the server, its clients and the console.
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
};

function describe(version: number, {seed, calm}: {seed: number; calm: boolean}): string {
  const number = `${Math.floor(version / 10_000)}.${version % 10_000}`;
  const state = calm ? 'calm' : 'an incident under way';
  return `PostgreSQL ${number}, three applications, ${state} (seed ${seed})`;
}
