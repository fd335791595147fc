import type {ExecutableText} from '../../model/step.ts';
import {maskSecrets} from '../sql/secrets.ts';
import type {Showable} from './redact.ts';

/**
 * Text for a preview, line by line, with every control character, format character and unusual space made visible. Lines end
 * where PostgreSQL ends them: a carriage return ends a comment (`-- one row<CR>OR true`).
 */
export function revealLines(text: Showable): Showable[] {
  return text
    .split(/\r?\n|(?<=\r)/)
    .map(line => line.replace(/^\t+/, tabs => '  '.repeat(tabs.length)).replace(hidden, reveal));
}

/** SQL for a preview, with secrets masked: the only conversion from executable to shown text. */
export function shownLines(text: ExecutableText): Showable[] {
  return revealLines(maskSecrets(text));
}

const hidden = /(?! )[\p{Zs}\p{Zl}\p{Zp}]|[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

function reveal(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
