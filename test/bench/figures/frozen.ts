import {setTimeout as sleep} from 'node:timers/promises';
import type {Terminal} from '../../helpers/terminal.ts';
import type {Program} from '../programs.ts';
import {reasonOf, withProgram} from '../running-program.ts';
import {addressOf, type Setting} from './figure.ts';
import {switchTo} from './view-switch.ts';

const hang_timeout_ms = 3000;

/**
 * Every process of the server is stopped (SIGSTOP): connections stay open and nothing answers. Does a key still
 * change the screen, and does the program still let go of the terminal?
 */
export async function measureFrozen(setting: Setting): Promise<void> {
  for (let round = 0; round < (setting.isQuick ? 1 : 3); round++) {
    for (const program of setting.programs) await freezeOnce(setting, program);
    setting.progress(`frozen server: round ${round + 1}`);
  }
}

async function freezeOnce(setting: Setting, program: Program): Promise<void> {
  const add = (figure: string, sample: number | {failure: string}) =>
    setting.results.add({figure, condition: setting.condition, program: program.name, unit: 'ms'}, sample);
  const [keyFigure, quitFigure] = ['frozen server: key to screen', 'frozen server: quit key to the end'];
  try {
    await withProgram(program, addressOf(setting, program), async terminal => {
      await terminal.waitFor(({screen}) => program.isComplete(screen()), {timeout_ms: 15_000});
      await setting.stage.server.pause();
      try {
        // More than a refresh: a reading is under way by now, and is not answered.
        await sleep(1500);
        add(keyFigure, await switchTo(terminal, program.views[0], hang_timeout_ms).catch(failure));
        add(quitFigure, await quit(terminal, program).catch(failure));
      } finally {
        await setting.stage.server.resume();
      }
    });
  } catch (error) {
    add(keyFigure, failure(error));
  }
}

function failure(error: unknown): {failure: string} {
  return {failure: reasonOf(error)};
}

async function quit(terminal: Terminal, program: Program): Promise<number> {
  const written_ms = terminal.write(program.quit);
  const timeout = new AbortController();
  const ended = terminal.onExit.then(() => performance.now() - written_ms);
  const tooLate = sleep(hang_timeout_ms, null, {signal: timeout.signal}).then(() => {
    throw new Error(`not ended within ${hang_timeout_ms} ms`);
  });
  tooLate.catch(() => {});
  return Promise.race([ended, tooLate]).finally(() => timeout.abort());
}
