import type {Program} from '@oxc-project/types';

const quote = 34;
const backslash = 92;
const open = 123;
const close = 125;

/** Below this a body is read immediately: a text to keep costs more than its nodes. */
const leastText = 1000;

/**
 * The program in the parser's JSON. A request runs few of a file's functions, and nodes are most of what a scan makes, so the
 * body of a function (not inside another) becomes nodes when it is first read.
 */
export function readProgram(json: string): Program {
  const bodies: string[] = [];
  let kept = '';
  let from = 0;
  for (let at = json.indexOf(blockStart); at !== -1; at = json.indexOf(blockStart, at)) {
    const start = at + blockStart.length - blockHead.length;
    const end = endOfObject(json, start);
    if (end - start >= leastText) {
      kept += `${json.slice(from, start)}{"type":"BlockStatement","later":${bodies.length}}`;
      bodies.push(json.slice(start, end));
      from = end;
    }
    at = end;
  }
  const {node} = JSON.parse(kept === '' ? json : kept + json.slice(from)) as {node: Program};
  if (bodies.length > 0) defer(node, bodies);
  return node;
}

const blockHead = '{"type":"BlockStatement"';
/** In a text of the source its quotes are escaped. */
const blockStart = `"body":${blockHead}`;

/** The offset after the object that begins at `start`. */
function endOfObject(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === quote) at = endOfText(json, at);
    else if (code === open) depth++;
    else if (code === close && --depth === 0) return at + 1;
  }
  return json.length;
}

/** The offset of the quote that ends a text. */
function endOfText(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  for (;;) {
    let before = end - 1;
    while (json.charCodeAt(before) === backslash) before--;
    if ((end - before) % 2 === 1) return end;
    end = json.indexOf('"', end + 1);
  }
}

/** Replaces each body that was left out by one that is read on first use. */
function defer(node: object, bodies: readonly string[]): void {
  for (const key in node) {
    const value: unknown = node[key as keyof typeof node];
    if (typeof value !== 'object' || value === null) continue;
    const text = key === 'body' && 'later' in value ? bodies[Number(value.later)] : undefined;
    if (text === undefined) defer(value, bodies);
    else
      Object.defineProperty(node, key, {
        configurable: true,
        enumerable: true,
        get() {
          const body: unknown = JSON.parse(text);
          Object.defineProperty(node, key, {value: body, enumerable: true});
          return body;
        },
      });
  }
}
