import type {Usage} from '../../cli/call/command.ts';
import {jsonFlag, serverFlags} from '../../cli/call/shared-flags.ts';

export const usage = {
  name: 'doctor',
  summary: 'Show what poolctl can see and do here, and what it lacks',
  arguments: [{shown: '[url]'}],
  flags: {...jsonFlag, ...serverFlags},
  details: ['Exit 0 when nothing is missing, else 1.'],
} as const satisfies Usage;
