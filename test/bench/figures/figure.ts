import type {Condition, Results} from '../measurement.ts';
import type {Program} from '../programs.ts';
import type {Address, Stage} from '../stage.ts';

/** The input of a figure: the installed programs, and where to add its samples. */
export type Setting = {
  stage: Stage;
  programs: readonly Program[];
  results: Results;
  condition: Condition;
  isQuick: boolean;
  progress(text: string): void;
};

export function addressOf({stage, condition}: Setting, program: Program): Address {
  return stage.address(program.role, condition === '50 ms link' ? 'link' : 'direct');
}

/** Interleaves the programs, each round starting with another one, so that drift of the machine affects all alike. */
export function rotate<Item>(items: readonly Item[], round: number): Item[] {
  const start = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
