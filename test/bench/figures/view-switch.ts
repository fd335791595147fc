import {setTimeout as sleep} from 'node:timers/promises';
import type {Terminal} from '../../helpers/terminal.ts';
import {bareNode, type View} from '../programs.ts';
import {reasonOf, withProgram} from '../running-program.ts';
import {addressOf, type Setting} from './figure.ts';

/** From the key to the screen that shows the other view, at moments spread over the refresh; `node` is the floor. */
export async function measureViewSwitch(setting: Setting): Promise<void> {
  const switches = setting.isQuick ? 6 : 20;
  for (const program of [...setting.programs, bareNode]) {
    const key = {
      figure: 'key to screen (view switch)',
      condition: setting.condition,
      program: program.name,
      unit: 'ms',
    } as const;
    try {
      await withProgram(program, addressOf(setting, program), async terminal => {
        await terminal.waitFor(({screen}) => program.isComplete(screen()), {timeout_ms: 15_000});
        for (let turn = 0; turn < switches; turn++) {
          // Steps that never fall in with a refresh of 1 s.
          await sleep(300 + ((turn * 137) % 400));
          setting.results.add(key, await switchTo(terminal, program.views[turn % 2 === 0 ? 0 : 1]));
        }
      });
    } catch (error) {
      setting.results.add(key, {failure: reasonOf(error)});
    }
    setting.progress(`view switch, ${setting.condition}: ${program.name}`);
  }
}

/** Milliseconds until `view` shows. Throws when it showed before, or does not within `timeout_ms`. */
export async function switchTo(terminal: Terminal, view: View, timeout_ms = 10_000): Promise<number> {
  const isShown = () => view.isShown(terminal.screen());
  if (isShown()) throw new Error(`${view.name} was on the screen before its key was pressed`);
  const written_ms = terminal.write(view.key);
  return (await terminal.waitFor(isShown, {timeout_ms})) - written_ms;
}
