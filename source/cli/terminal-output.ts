import {textWidth} from '../console/screen/cell-width.ts';
import {wrapText} from '../console/screen/line.ts';
import {canShowUnicode} from '../console/screen/theme.ts';
import {toAscii} from '../core/text/ascii.ts';
import type {CliContext, Output} from './context.ts';

/**
 * Output that is wrapped to the terminal's width, and in ASCII if the locale is not UTF-8. Output to a file or a pipe is
 * unchanged.
 */
export function terminalOutput({output, stdout, stderr, env}: CliContext): Output {
  const shown = (text: string, {isTTY, columns}: NodeJS.WriteStream) => {
    if (!isTTY) return text;
    return wrapLines(canShowUnicode(env) ? text : toAscii(text), columns || 80);
  };
  return {
    ...output,
    stdout: text => output.stdout(shown(text, stdout)),
    stderr: text => output.stderr(shown(text, stderr)),
  };
}

/** Continuation lines are indented by two cells. */
export function wrapLines(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap(line => {
      if (textWidth(line) <= width) return [line];
      const [margin = ''] = /^ */.exec(line) ?? [];
      const [first = '', ...rest] = wrapText(
        line.slice(margin.length),
        Math.max(20, width - margin.length - 2),
      );
      return [margin + first, ...rest.map(more => `${margin}  ${more}`)];
    })
    .join('\n');
}
