import process from 'node:process';
import type {Program} from '../programs.ts';
import {reasonOf, withProgram, withTerminal} from '../running-program.ts';
import {addressOf, rotate, type Setting} from './figure.ts';

/** From the fork to the first complete frame; `node` is bare node from its fork to its first character. */
export async function measureFirstFrame(setting: Setting): Promise<void> {
  const rounds = roundsOf(setting);
  const measured: (Program | null)[] = [...setting.programs, null];
  for (let round = 0; round < rounds; round++) {
    for (const program of rotate(measured, round)) {
      const key = {
        figure: 'start to first complete frame',
        condition: setting.condition,
        program: program?.name ?? 'node',
        unit: 'ms',
      } as const;
      try {
        setting.results.add(key, await (program ? startOf(setting, program) : startOfNode()));
      } catch (error) {
        setting.results.add(key, {failure: reasonOf(error)});
      }
    }
    setting.progress(`first frame, ${setting.condition}: ${round + 1} of ${rounds}`);
  }
}

function roundsOf({condition, isQuick}: Setting): number {
  if (isQuick) return 3;
  return condition === 'quiet' ? 15 : 7;
}

function startOf(setting: Setting, program: Program): Promise<number> {
  return withProgram(program, addressOf(setting, program), async terminal => {
    const complete_ms = await terminal.waitFor(({screen}) => program.isComplete(screen()), {
      timeout_ms: 15_000,
    });
    return complete_ms - terminal.startedAt_ms;
  });
}

/** `node -e 0` says nothing that could be waited for: one character is as near to it as one comes. */
function startOfNode(): Promise<number> {
  const command = {command: process.execPath, args: ['-e', 'process.stdout.write(".")'], env: {}};
  return withTerminal(command, async terminal => (await terminal.waitFor('.')) - terminal.startedAt_ms);
}
