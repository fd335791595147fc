import process from 'node:process';
import {createWorker, type WorkerTask} from '../../replay/measure/worker.ts';
import {blockOutbound} from '../../replay/sandbox/outbound.ts';
import {loadEndpoint} from './load-endpoint.ts';
import type {EndpointSource} from './measure.ts';

/** The program of a worker process, which runs an endpoint's code and ends with its parent. */
const handle = createWorker<EndpointSource>(
  async ({name, allowNetwork, ...source}) => {
    const loaded = await loadEndpoint(name, source);
    // Never lifted: this process opens only the measured pools' connections.
    blockOutbound({withNetwork: allowNetwork});
    return loaded;
  },
  report => {
    process.send?.(report);
  },
);
// Tasks arrive as messages because they contain a password: other users can read arguments and environment.
process.on('message', (task: WorkerTask<EndpointSource>) => handle(task));
// The parent has ended.
process.once('disconnect', () => process.exit(0));
// The parent handles Ctrl-C and ends this process when it is done.
process.on('SIGINT', () => {});
