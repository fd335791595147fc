import {journalFlag, recipesFlag, themeFlag, type Usage} from '../../cli/call/usage.ts';

export const usage = {
  name: 'play',
  summary: 'Open the console on a recording',
  arguments: [{shown: '<file>', completes: 'file'}],
  flags: {...themeFlag, ...recipesFlag, ...journalFlag},
  details: [
    'Keys: p plays and pauses, [ and ] step by one snapshot, { and } by a minute, + and - change the speed, :at 14:03 jumps to a time (UTC). poolctl connects to no server.',
  ],
} as const satisfies Usage;
