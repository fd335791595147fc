import process from 'node:process';
import {createRandom} from '../core/random.ts';
import {stageIncident} from './incident.ts';
import {createLoadLimiter, startFleet} from './instances.ts';
import {calmFleets, incidentFleets, type TrafficOptions} from './scenario.ts';

/** The answer to the parent process. */
export type TrafficMessage = {kind: 'ready'} | {kind: 'failed'; message: string};

/** Share of the time during which statements may run, so that the console on the same machine stays fast. */
const serverShare = 0.35;

// The options arrive as a message because they contain passwords: other users can read arguments and environment.
process.once('message', (options: TrafficOptions) => {
  startAll(options).then(
    () => send({kind: 'ready'}),
    (error: unknown) =>
      send({kind: 'failed', message: error instanceof Error ? error.message : String(error)}),
  );
});
// The parent has ended.
process.once('disconnect', () => process.exit(0));
// The parent handles Ctrl-C and ends this process.
process.on('SIGINT', () => {});

async function startAll(options: TrafficOptions): Promise<void> {
  const {signal} = new AbortController();
  const random = createRandom(options.seed);
  const limiter = createLoadLimiter(serverShare);
  const fleets = options.calm ? calmFleets : incidentFleets;
  const streams = fleets.map(fleet => [fleet, random.fork()] as const);
  await Promise.all([
    ...streams.map(([fleet, own]) => startFleet(options, fleet, {limiter, random: own, signal})),
    options.calm ? undefined : stageIncident(options, random, signal),
  ]);
}

function send(message: TrafficMessage): void {
  process.send?.(message);
}
