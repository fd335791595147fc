import {createHash} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {execute} from '../../source/core/engine/execute.ts';
import {buildStep} from '../../source/core/indexes/index-steps.ts';
import {openJournal} from '../../source/journal/journal-file.ts';
import type {IndexProposal} from '../../source/model/index-advice.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../source/postgres/executor/executor.ts';
import {serverAt} from '../helpers/identity.ts';
import {requestTo} from '../postgres/requests.ts';

/** Builds an index and is killed meanwhile: `build-process.ts URL JOURNAL PROPOSAL`. Says `acting` when it begins. */
const [url = '', journal = '', proposal = ''] = process.argv.slice(2);
const index = JSON.parse(proposal) as IndexProposal;
const request = requestTo(url);
const run = execute(
  {
    recipe: 'apply-indexes',
    params: {},
    explanation: [],
    steps: [buildStep({...index, shape: null}, {lock_timeout_ms: 60_000, server_version_num: 150_000})],
    skipped: [],
    batch_size: 1,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  },
  {
    ...{run: 'killed', actor: 'me@here', server: await serverAt(request)},
    target: `${request.host}:${request.port}/${request.database}`,
  },
  {
    executor: createExecutor(() => connect(request, {purpose: 'act'})),
    journal: openJournal(journal),
    clock: {now: () => new Date(), sleep: (ms, signal) => sleep(ms, undefined, signal ? {signal} : {})},
    sha256: text => createHash('sha256').update(text).digest('hex'),
    slots: async () => ({used: 1, headroom: 1, groups: []}),
  },
);
for await (const {phase} of run) process.stdout.write(`${phase}\n`);
