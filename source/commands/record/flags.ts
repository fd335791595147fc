import type {Usage} from '../../cli/call/command.ts';
import {intervalFlag, recipesFlag, waitingServerFlags} from '../../cli/call/shared-flags.ts';

export const defaultMaxSize_mb = 100;

export const usage = {
  name: 'record',
  summary: 'Record snapshots to a file, for play and report',
  arguments: [{shown: '<file>', completes: 'file'}, {shown: '[url]'}],
  flags: {
    ...intervalFlag,
    for: {type: 'string', value: 'TIME', help: 'Stop after this long', default: 'until Ctrl-C'},
    maxSize: {
      type: 'number',
      value: 'MB',
      help: 'Max size of the recording and its predecessor together',
      default: `${defaultMaxSize_mb} MB`,
    },
    ...recipesFlag,
    ...waitingServerFlags,
  },
  details: [
    'poolctl syncs the file to disk every 10 s, so a power failure loses at most that. An existing recording is continued. At half of --max-size the file is renamed to <file>.1 and a new one begins. The recording contains statement texts as the server shows them: only its owner can read it.',
  ],
} as const satisfies Usage;
