import process from 'node:process';
import {stageIncident} from './incident.ts';
import {createLoadLimiter, startFleet} from './instances.ts';
import {createRandom} from './random.ts';
import {calmFleets, incidentFleets, type TrafficOptions} from './scenario.ts';

/** The answer to the process that started this one. */
export type TrafficMessage = {kind: 'ready'} | {kind: 'failed'; message: string};

/** Share of one core for all statements together, so that the console on the same machine stays fast. */
const serverShare = 0.35;

// The options holds passwords, so it comes by message: other users can read arguments and environment.
process.once('message', (options: TrafficOptions) => {
  play(options).then(
    () => send({kind: 'ready'}),
    (error: unknown) =>
      send({kind: 'failed', message: error instanceof Error ? error.message : String(error)}),
  );
});
// The parent has ended.
process.once('disconnect', () => process.exit(0));
// Ctrl-C goes to the program in the foreground, which ends this one.
process.on('SIGINT', () => {});

async function play(options: TrafficOptions): Promise<void> {
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
