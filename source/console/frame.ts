import {sanitise} from '../core/text/sanitise.ts';
import {drawHeader, drawTabs} from './components/chrome.ts';
import {drawFooter} from './components/footer.ts';
import {overlayLines} from './components/overlay-lines.ts';
import {type Page, pageOf, rowsAround} from './components/page.ts';
import {replayLines} from './components/replay-page.ts';
import {drawScrubber} from './components/scrubber.ts';
import {isTooSmall, tooSmallLines} from './least-size.ts';
import {textWidth} from './screen/cell-width.ts';
import {blankLine, fitLine, fitText, type Line, line, padLines, span, wrapText} from './screen/line.ts';
import type {Theme} from './screen/theme.ts';
import type {ConsoleState} from './state/state.ts';
import {viewOf} from './views/index.ts';
import type {Area} from './views/view.ts';
import {drawWizard} from './wizard/pages.ts';

/** The whole screen as lines. Pure, so it can be painted before Ink is loaded. */
export function drawFrame(state: ConsoleState, theme: Theme): Line[] {
  const {columns, rows} = state;
  if (isTooSmall(state)) return padLines(tooSmallLines, rows);
  const lines = state.isProduction
    ? frameProduction(state, theme)
    : drawInside(state, {width: columns, height: rows}, theme);
  return lines.map(of => fitLine(of, columns));
}

function drawInside(state: ConsoleState, area: Area, theme: Theme): Line[] {
  const body = {width: area.width, height: area.height - rowsAround(state)};
  const {lines, below} = drawBody(state, body, theme);
  return [
    drawHeader(state, area.width, theme),
    drawTabs(state, area.width, theme),
    ...padLines(lines, body.height),
    ...(state.past === null ? [] : [drawScrubber(state.past, area.width, theme)]),
    drawFooter(state, area.width, below),
  ];
}

function drawBody(state: ConsoleState, area: Area, theme: Theme): Page {
  const {overlay, replay, wizard} = state;
  if (overlay && overlay.kind !== 'prompt')
    return pageOf(overlayLines(state, overlay, area.width, theme), overlay.scroll, area.height);
  if (replay) return pageOf(replayLines(replay, area.width, theme), replay.scroll, area.height);
  if (wizard) return drawWizard(state, wizard, area, theme);
  if (state.snapshot === null && state.view !== 'journal') return {lines: drawWaiting(state, area), below: 0};
  return {lines: viewOf(state.view).draw(state, area, theme), below: 0};
}

/** Before the first snapshot: what the console waits for, and how to quit. */
function drawWaiting(state: ConsoleState, area: Area): Line[] {
  const message = state.link.kind === 'live' ? 'reading the first snapshot' : state.link.message;
  const role = state.link.kind === 'lost' ? 'danger' : 'strong';
  const hint = state.link.kind === 'lost' ? (state.link.hint ?? '') : '';
  const lines = [
    ...wrapText(message, area.width - 4).map(text => line(span(`  ${text}`, role))),
    ...wrapText(hint, area.width - 4).map(text => line(`  ${text}`)),
  ];
  const above = Array.from(
    {length: Math.max(0, Math.floor((area.height - lines.length) / 2))},
    () => blankLine,
  );
  return [...above, ...lines, line(span('  q quits', 'muted'))];
}

/** A red frame that names a target marked production, so that it is not mistaken for another. */
function frameProduction(state: ConsoleState, theme: Theme): Line[] {
  const {columns, rows} = state;
  const [topLeft, topRight, bottomLeft, bottomRight] = theme.symbols.corners;
  const {horizontal, vertical} = theme.symbols;
  const target = state.snapshot?.target;
  const title = sanitise(
    ` PRODUCTION ${target ? `${target.host} database ${target.database} as ${target.user}` : state.address} `,
  );
  const shown = textWidth(title) <= columns - 4 ? title : fitText(title, columns - 4);
  const rule = horizontal.repeat(Math.max(0, columns - 3 - textWidth(shown)));
  const edge = span(vertical, 'danger');
  const inside = drawInside(state, {width: columns - 2, height: rows - 2}, theme);
  return [
    {spans: [span(`${topLeft}${horizontal}${shown}${rule}${topRight}`, 'danger')]},
    ...inside.map(of => ({...of, spans: [edge, ...fitLine(of, columns - 2).spans, edge]})),
    {spans: [span(`${bottomLeft}${horizontal.repeat(columns - 2)}${bottomRight}`, 'danger')]},
  ];
}
