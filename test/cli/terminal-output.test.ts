import {describe, expect, it} from 'vitest';
import {wrapLines} from '../../source/cli/execution/engine-context.ts';
import {toAscii} from '../../source/core/text/sanitise.ts';

describe('text on a terminal', () => {
  it.each([
    ['short', 20, 'short'],
    ['  a list of names that is long', 22, '  a list of names\n    that is long'],
    ['one\n\n   two words more words here', 26, 'one\n\n   two words more\n     words here'],
    ['x'.repeat(45), 22, ['x'.repeat(20), `  ${'x'.repeat(20)}`, '  xxxxx'].join('\n')],
    ['字 字 字 字 字 字 字 字', 22, '字 字 字 字 字 字\n  字 字'],
  ])('%j is wrapped at %i', (text, width, wrapped) => {
    expect(wrapLines(text, width)).toBe(wrapped);
  });

  it("has ASCII equivalents of poolctl's own signs", () => {
    expect(toAscii('server …528326\n3 ± 1 é 👍')).toBe('server ~528326\n3 ~ 1 ? ?');
  });
});
