import {counted, formatMs} from '../../core/text/format.ts';
import {isAct, keyName, labelOf, whyDisabled} from '../input/key-meaning.ts';
import {bindings} from '../input/keymap.ts';
import {modeOf} from '../input/modes.ts';
import {blankLine, fitText, type Line, lineWidth, type Span, span, spread} from '../screen/line.ts';
import type {Notice, Prompt} from '../state/dialog.ts';
import type {ConsoleState} from '../state/state.ts';
import {wizardKeys} from '../wizard/pages.ts';
import {inputSpans} from './input-line.ts';
import {replayKeys} from './replay-page.ts';

/** The prompt, or the notice, or the keys of this view. */
export function drawFooter(state: ConsoleState, width: number, below: number): Line {
  const {overlay, notice, wizard, replay} = state;
  if (overlay?.kind === 'prompt') return drawPrompt(overlay, width);
  const right: Line = {spans: [...retrySpans(state), ...belowSpans(below), ...alwaysShown(state)]};
  if (overlay === null && replay === null && wizard !== null) {
    // A notice does not cover the keys of the wizard.
    return spread({spans: wizardKeys(state, wizard)}, notice ? noticeLine(notice) : right, width);
  }
  if (overlay === null && replay !== null) return spread({spans: replayKeys(replay)}, right, width);
  if (notice) return noticeLine(notice);
  return spread({spans: hintSpans(state, width - lineWidth(right))}, right, width);
}

function noticeLine({text, severity}: Notice): Line {
  return {spans: [span(` ${text} `, severity === 'info' ? 'accent' : severity)]};
}

function retrySpans({link}: ConsoleState): Span[] {
  return link.kind === 'lost' ? [span(` retry in ${formatMs(link.retry_in_ms)} `, 'muted')] : [];
}

/** How many lines follow below the screen. */
function belowSpans(below: number): Span[] {
  if (below === 0) return [];
  return [span(` ${counted(below, 'more line')} below: PgDn `, 'warning')];
}

/** Help and quit are always shown. */
function alwaysShown(state: ConsoleState): Span[] {
  if (modeOf(state) !== 'browse') return [];
  return [span(' ?', 'key'), span(' help '), span(' q', 'key'), span(' quit ')];
}

type Hint = {key: string; label: string; reason: string | null};

/**
 * As many keys as fit, and why the first disabled one is disabled, where there is room. Enter is shown only
 * where it opens something.
 */
function hintSpans(state: ConsoleState, room: number): Span[] {
  const hints = footerHints(state);
  const spans: Span[] = [];
  for (const {key, label, reason} of hints) {
    if (key === 'Enter' && reason !== null) continue;
    const drawn = [span(` ${key}`, 'key'), span(` ${label} `, reason === null ? 'plain' : 'muted')];
    if (lineWidth({spans: [...spans, ...drawn]}) > room) return spans;
    spans.push(...drawn);
  }
  const idle = hints.find(({reason}) => reason !== null);
  const why = idle ? span(` ${idle.key}: ${idle.reason} `, 'muted') : span('');
  return lineWidth({spans: [...spans, why]}) > room ? spans : [...spans, why];
}

function footerHints(state: ConsoleState): Hint[] {
  const mode = modeOf(state);
  return (
    bindings
      .filter(binding => binding.modes.includes(mode) && labelOf(binding, state) !== '')
      .filter(({views}) => views === undefined || views.includes(state.view))
      .map(binding => ({binding, key: binding.keys[0] ?? ''}))
      // In the past the keys that change something are not listed; pressed, they say why they do nothing.
      .filter(({binding, key}) => state.past === null || !isAct(binding, state, key))
      .map(({binding, key}) => ({
        key: keyName(key),
        label: labelOf(binding, state),
        reason: whyDisabled(binding, state, key),
      }))
  );
}

function drawPrompt(prompt: Prompt, width: number): Line {
  const {purpose, error} = prompt;
  const sign = purpose === 'filter' ? '/' : ':';
  const hint =
    error ??
    (purpose === 'filter'
      ? 'words, column:value, !word   Enter keeps the filter, Esc cancels'
      : 'sessions, recipe NAME, sort, filter, interval, at, quit   Esc cancels');
  const typed: Line = {spans: [span(` ${sign}`, 'key'), ...inputSpans(prompt, width - 3, 'strong')]};
  const room = width - lineWidth(typed) - 2;
  if (room < 8) return spread(typed, blankLine, width);
  const right = lineWidth({spans: [span(hint)]}) > room ? fitText(hint, room) : hint;
  return spread(typed, {spans: [span(` ${right} `, error ? 'danger' : 'muted')]}, width);
}
