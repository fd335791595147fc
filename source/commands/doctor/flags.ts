import {jsonFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';

export const usage = {
  name: 'doctor',
  summary: 'Check what poolctl can read and do on the server',
  arguments: [{shown: '[url]'}],
  flags: {...jsonFlag, ...serverFlags},
  details: [
    'For what is missing, doctor prints the statement that grants it. Exit 0 when nothing is missing, else 1.',
  ],
} as const satisfies Usage;
