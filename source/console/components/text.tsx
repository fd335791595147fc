// biome-ignore lint/style/noRestrictedImports: the one place that may use it, because it sanitises.
import {Text as InkText, Transform} from 'ink';
import {Children, Fragment, isValidElement, memo, type ReactNode} from 'react';
import {sanitise} from '../../core/text/sanitise.ts';
import {type Role, roles, type Span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {useTheme} from './context.ts';

export type TextProps = {
  /** What the text means; the theme decides how that looks. `selected` overrides the roles of its parts. */
  role?: Role | 'selected';
  /** What happens to text wider than its box; `truncate` where it is not given. */
  wrap?: 'wrap' | 'truncate';
  children?: ReactNode;
};

/**
 * UTF-16 units of one string that can matter on the widest terminal; the rest is cut before it is measured. What Ink
 * wraps and cuts with takes seconds for 64 kB: longer text is `<Prose>`.
 */
const longestText = 2048;

/**
 * The only text of the console: all strings pass the sanitiser, so nothing that a server says can reach the
 * terminal as a control sequence. Inside another `<Text>` it marks a part of it.
 */
export function Text({role = 'plain', wrap = 'truncate', children}: TextProps) {
  const theme = useTheme();
  const painted = paintAll(children, role, theme);
  if (painted !== null) return <InkText wrap={wrap}>{painted}</InkText>;
  const paint = painterOf(theme, role);
  const shown = clean(children);
  return (
    <InkText wrap={wrap}>{paint === null ? shown : <Transform transform={paint}>{shown}</Transform>}</InkText>
  );
}

/**
 * A text with its parts as one string, which is one element of Ink's instead of three for each part; null where a part
 * is another component, which only React can render.
 */
function paintAll(children: ReactNode, role: Role | 'selected', theme: Theme): string | null {
  const text = joinParts(children, theme);
  const paint = painterOf(theme, role);
  return paint === null || !text ? text : paint(text);
}

function joinParts(node: ReactNode, theme: Theme): string | null {
  if (typeof node === 'string') return cleanText(node);
  if (typeof node === 'number') return String(node);
  if (node === null || node === undefined || typeof node === 'boolean') return '';
  if (Array.isArray(node)) {
    let joined = '';
    for (const part of node) {
      const text = joinParts(part, theme);
      if (text === null) return null;
      joined += text;
    }
    return joined;
  }
  if (isValidElement<TextProps>(node)) {
    const {children, role = 'plain'} = node.props;
    if (node.type === Text) return paintAll(children, role, theme);
    if (node.type === Fragment) return joinParts(children, theme);
  }
  return null;
}

function cleanText(text: string): string {
  return sanitise(text.length > longestText ? text.slice(0, longestText) : text);
}

function clean(children: ReactNode): ReactNode {
  if (typeof children === 'string') return cleanText(children);
  return Array.isArray(children) ? Children.map(children, clean) : children;
}

type Painter = (text: string) => string;
const reset = '\u001b[0m';
const sgr = /\u001b\[[\d;]*m/g;
const painters = new WeakMap<Theme, Map<string, Painter | null>>();

/** Puts a role's SGR parameters around text; null where there are none. A part's end does not end the role of the whole. */
function painterOf(theme: Theme, role: Role | 'selected'): Painter | null {
  const known = painters.get(theme) ?? new Map<string, Painter | null>();
  painters.set(theme, known);
  let painter = known.get(role);
  if (painter === undefined) {
    painter = createPainter(theme, role);
    known.set(role, painter);
  }
  return painter;
}

function createPainter(theme: Theme, role: Role | 'selected'): Painter | null {
  const parameters = role === 'selected' ? theme.selectedSgr : theme.sgr[roles.indexOf(role)];
  if (!parameters) return null;
  const begin = `\u001b[${parameters}m`;
  const around = (text: string) => `${begin}${text.replaceAll('\n', `${reset}\n${begin}`)}${reset}`;
  if (role === 'selected') return text => around(markSelected(text.replace(sgr, ''), theme));
  return text => around(text.replaceAll(reset, reset + begin));
}

/** Puts `>` into the first blank one of a row's two leading cells: reverse video alone may look like an alarm, or not show. */
function markSelected(row: string, {symbols}: Theme): string {
  if (row.startsWith(' ')) return symbols.selected + row.slice(1);
  return row.charAt(1) === ' ' ? row.charAt(0) + symbols.selected + row.slice(2) : row;
}

/** One Text of several rows, which are cut at the edge of their box. */
export function Rows({rows, role = 'plain'}: {rows: string[]; role?: Role | 'selected'}) {
  const paint = painterOf(useTheme(), role);
  const shown = rows.map(cleanText).join('\n');
  return <InkText wrap="truncate">{paint === null ? shown : paint(shown)}</InkText>;
}

/**
 * A row of parts in their roles, as nested Texts would show it; painted in one go, and only when it is another row than
 * before, because a screen holds many of them.
 */
export const PaintedRow = memo(
  function PaintedRow({spans}: {spans: Span[]}) {
    const theme = useTheme();
    return <InkText wrap="truncate">{paintRow(spans, theme)}</InkText>;
  },
  ({spans: before}, {spans: now}) =>
    before.length === now.length &&
    before.every(({text, role}, index) => now[index]?.text === text && now[index]?.role === role),
);

/** Several such rows that change together, as one Text. */
export function PaintedRows({rows}: {rows: Span[][]}) {
  const theme = useTheme();
  return <InkText wrap="truncate">{rows.map(spans => paintRow(spans, theme)).join('\n')}</InkText>;
}

function paintRow(spans: Span[], theme: Theme): string {
  let row = '';
  for (const {text, role} of spans) {
    const shown = cleanText(text);
    const paint = painterOf(theme, role);
    row += paint === null || shown === '' ? shown : paint(shown);
  }
  return row;
}
