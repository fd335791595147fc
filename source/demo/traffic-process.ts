import process from 'node:process';
import {stageIncident} from './incident.ts';
import {createGovernor, startFleet} from './instances.ts';
import {createRandom} from './random.ts';
import {calmFleets, incidentFleets, type Script} from './story.ts';

/** What this process says to the one that started it. */
export type TrafficMessage = {kind: 'ready'} | {kind: 'failed'; message: string};

/** Of one core, for all statements together: the console on the same machine stays quick. */
const serverShare = 0.35;

// The script comes by message: arguments and environment can be read by others, and it holds passwords.
process.once('message', (script: Script) => {
  play(script).then(
    () => say({kind: 'ready'}),
    (error: unknown) =>
      say({kind: 'failed', message: error instanceof Error ? error.message : String(error)}),
  );
});
// The parent is gone, however it went.
process.once('disconnect', () => process.exit(0));
// Ctrl-C is for the program in front; it ends us when it is done.
process.on('SIGINT', () => {});

async function play(script: Script): Promise<void> {
  const {signal} = new AbortController();
  const random = createRandom(script.seed);
  const governor = createGovernor(serverShare);
  const fleets = script.calm ? calmFleets : incidentFleets;
  const streams = fleets.map(fleet => [fleet, random.fork()] as const);
  await Promise.all([
    ...streams.map(([fleet, own]) => startFleet(script, fleet, {governor, random: own, signal})),
    script.calm ? undefined : stageIncident(script, random, signal),
  ]);
}

function say(message: TrafficMessage): void {
  process.send?.(message);
}
