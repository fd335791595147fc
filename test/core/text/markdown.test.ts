import {describe, expect, it} from 'vitest';
import {codeBlock, inlineCode, tableCode} from '../../../source/core/text/markdown.ts';
import {activeMarkdown, hostileNames} from '../../helpers/active-markdown.ts';

describe.each(hostileNames)('a name such as %j', name => {
  it.each([
    ['in a sentence', `# ${inlineCode(name)}\n\nOn ${inlineCode(name)}, seen.\n\n- ${inlineCode(name)}`],
    ['in a table', `| a | b |\n|---|---|\n| ${tableCode(name)} | x |`],
    ['in a block', codeBlock(name).join('\n')],
  ])('is not rendered %s', (_, text) => expect(activeMarkdown(text)).toEqual([]));

  it('does not end a table cell', () => {
    // A backslash and what follows it belong together, as GFM reads rows.
    const bars = `| ${tableCode(name)} | x |`.replace(/\\./g, '').match(/\|/g);
    expect(bars).toHaveLength(3);
  });
});

it('without escaping, these names would be rendered', () => {
  for (const name of hostileNames.slice(0, 8)) expect(activeMarkdown(name)).not.toEqual([]);
});
