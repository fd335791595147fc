import {jsonFlag, ratesFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';

export const usage = {
  name: 'snapshot',
  summary: 'Print one snapshot of the server as JSON',
  arguments: [{shown: '[url]'}],
  flags: {
    ...ratesFlag,
    json: {...jsonFlag.json, help: 'No effect: the output is always JSON'},
    ...serverFlags,
  },
  details: [],
} as const satisfies Usage;
