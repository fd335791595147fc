import type {Nodes} from 'mdast';
import {fromMarkdown} from 'mdast-util-from-markdown';

/** The active parts of a Markdown text: links, images, HTML tags, and bare addresses or mentions outside code. */
export function activeMarkdown(text: string): string[] {
  const found: string[] = [];
  const visit = (node: Nodes) => {
    if (['link', 'linkReference', 'image', 'imageReference', 'definition', 'html'].includes(node.type))
      found.push(node.type);
    // GFM links bare addresses, and a forge links mentions.
    if (node.type === 'text')
      found.push(...(node.value.match(/\w+:\/\/\S+|www\.\S+|\S*@\w+|<[a-z]\w*/gi) ?? []));
    if ('children' in node) for (const child of node.children) visit(child);
  };
  visit(fromMarkdown(text));
  return found;
}

/** Hostile names, each of which tries to become something active. */
export const hostileNames = [
  'https://evil.example/x',
  'www.evil.example',
  'me@evil.example',
  '@everyone',
  '[a](https://evil.example)',
  '![a](https://evil.example/x.png)',
  '<img src=https://evil.example/x>',
  '<https://evil.example>',
  '[a]: https://evil.example',
  '` https://evil.example `',
  '``` ![a](https://evil.example/x.png)',
  'a | b \\| https://evil.example',
  '\\` https://evil.example \\`',
  '&lt;b&gt; &#91;a](https://evil.example)',
  'a\n\n# https://evil.example\n',
  'a\r![a](https://evil.example/x.png)',
];
