import type {Usage} from '../../cli/call/command.ts';
import {jsonFlag, ratesFlag, serverFlags} from '../../cli/call/shared-flags.ts';

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
