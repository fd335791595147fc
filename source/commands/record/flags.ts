import {intervalFlag, logFlag, recipesFlag, type Usage, waitingServerFlags} from '../../cli/call/usage.ts';

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
      help: 'Max size of <file> and <file>.1 together',
      default: `${defaultMaxSize_mb} MB`,
    },
    ...recipesFlag,
    ...logFlag,
    ...waitingServerFlags,
  },
  details: [
    'poolctl syncs the file to disk every 10 s, so a power failure loses at most that. poolctl appends to an existing recording. At half of --max-size it renames the file to <file>.1 and starts a new one. The recording contains statement texts as the server shows them; only its owner can read the file.',
  ],
} as const satisfies Usage;
