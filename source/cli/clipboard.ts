import {spawn} from 'node:child_process';
import type {CliContext} from './context.ts';

/** The limit of terminals for one OSC 52 sequence. */
const mostCharacters = 100_000;
/** GNU screen 4 drops a longer string. */
const screenChunk = /[\s\S]{1,200}/g;

/**
 * Copies text to the clipboard through the terminal (OSC 52), which works over SSH. Returns a description of where the
 * text was sent: terminals do not confirm it, and multiplexers may drop it. `write` writes to the terminal.
 */
export async function copyText(
  {env}: Pick<CliContext, 'env'>,
  text: string,
  write: (bytes: string) => void,
): Promise<string> {
  const copied = text.slice(0, mostCharacters);
  const sequence = `\u001b]52;c;${Buffer.from(copied).toString('base64')}\u0007`;
  if (env.TMUX) {
    if (await loadTmuxBuffer(copied, ['-w', '-'])) return "in tmux's buffer, and sent to the terminal";
    if (await loadTmuxBuffer(copied, ['-']))
      return "in tmux's buffer; this tmux sends nothing to the terminal";
    write(`\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}\u001b\\`);
    return 'sent to the terminal through tmux, which needs "set -g allow-passthrough on"';
  }
  if (env.STY) {
    for (const chunk of sequence.match(screenChunk) ?? []) write(`\u001bP${chunk}\u001b\\`);
    return 'sent to the terminal through GNU screen';
  }
  write(sequence);
  return 'sent to the terminal, which may not allow it (OSC 52)';
}

/** Whether tmux accepted the text. From 3.2 on `-w` also sends it to the terminal. */
function loadTmuxBuffer(text: string, options: string[]): Promise<boolean> {
  return new Promise(resolve => {
    const tmux = spawn('tmux', ['load-buffer', ...options], {
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: 2000,
    });
    tmux.on('error', () => resolve(false));
    tmux.on('close', code => resolve(code === 0));
    tmux.stdin.on('error', () => {});
    tmux.stdin.end(text);
  });
}
