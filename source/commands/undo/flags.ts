import {consentFlags, journalFlag, jsonFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';

export const usage = {
  name: 'undo',
  summary: 'Undo a run recorded in the journal',
  arguments: [{shown: '<run>'}, {shown: '[url]'}],
  flags: {
    ...consentFlags,
    sameServer: {
      type: 'boolean',
      help: 'Confirm that the run was on this server, if the journal does not prove it',
    },
    ...journalFlag,
    ...jsonFlag,
    ...serverFlags,
  },
  details: ["<run> is the run's id or the first characters of it. 'poolctl journal list' lists the runs."],
} as const satisfies Usage;
