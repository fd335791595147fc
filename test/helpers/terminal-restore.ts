import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Terminal as Emulator} from '@xterm/headless';

/** Each terminal mode that differs from the initial one, one line per mode. */
export function emulatorLeftovers(emulator: Emulator, isCursorHidden: boolean): string[] {
  const {modes, buffer} = emulator;
  const checks: [boolean, string][] = [
    [buffer.active.type === 'alternate', 'the alternate buffer is still shown'],
    [isCursorHidden, 'the cursor is hidden'],
    [modes.bracketedPasteMode, 'bracketed paste is on'],
    [modes.mouseTrackingMode !== 'none', `mouse tracking is on (${modes.mouseTrackingMode})`],
    [modes.sendFocusMode, 'focus reporting is on'],
    [modes.applicationCursorKeysMode, 'application cursor keys are on'],
    [modes.applicationKeypadMode, 'the application keypad is on'],
    [!modes.wraparoundMode, 'line wrapping is off'],
    [modes.synchronizedOutputMode, 'synchronized output is on'],
  ];
  return checks.filter(([isLeft]) => isLeft).map(([, text]) => text);
}

/**
 * $1 is the folder, the other arguments are the program. The traps keep the shell alive when its program gets Ctrl-C or a
 * hang-up; `trap ''` would make the program ignore them too. Compares all of stty's settings.
 */
export const restoreCheckingShell = `
folder=$1; shift
trap : INT QUIT HUP
stty -g >"$folder/settings-before"
sh -c 'echo $$ >"$0/pid"; exec "$@"' "$folder" "$@"
status=$?
stty -g >"$folder/settings-after"; stty -a >"$folder/settings-after-in-words"
exit $status`;

/** Whether the terminal's settings (stty) are those that `restoreCheckingShell` recorded; one line if not. */
export function settingsLeftovers(folder: string): string[] {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  if (read('settings-before') === read('settings-after')) return [];
  const words = read('settings-after-in-words').match(/(?<=\s)-(icanon|echo|isig|opost|icrnl|iexten)\b/g);
  return [`the terminal's settings changed: ${words ? words.join(' ') : read('settings-after').trim()}`];
}
