import {expect, it, onTestFinished, vi} from 'vitest';
import {splitCells, textWidth} from '../../source/console/screen/cell-width.ts';
import {wrapText} from '../../source/console/screen/line.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {open, play, press, read, screenOf} from './played.ts';

/** How much text Intl.Segmenter is given at once: its time for each grapheme grows with it, to seconds for 64 kB. */
function followSegmenter(): () => {longest: number; total: number} {
  const spy = vi.spyOn(Intl.Segmenter.prototype, 'segment');
  onTestFinished(() => spy.mockRestore());
  return () => {
    const lengths = spy.mock.calls.map(([text]) => text.length);
    return {longest: Math.max(0, ...lengths), total: lengths.reduce((sum, length) => sum + length, 0)};
  };
}

const wide = '漢字'.repeat(30_000);

it('wraps wide text of 60 kB in small parts, each of them once', () => {
  const segmented = followSegmenter();
  expect(wrapText(wide, 40)).toEqual(Array.from({length: 3000}, () => '漢字'.repeat(10)));
  expect(segmented()).toEqual({longest: 256, total: wide.length});
});

it('shows a filter of 60 kB, and that no session matches it', () => {
  const snapshot = createSnapshot({backends: [createBackend()]});
  const prompt = press(play(open(), read(snapshot)).state, '2', '/');
  const segmented = followSegmenter();
  const screen = screenOf(play(prompt, {kind: 'paste', text: wide}).state);
  expect(screen).toContain('2 Sessions');
  expect(screen).toContain('no session matches the filter');
  expect(screen).toContain('字▏');
  expect(segmented().longest).toBeLessThan(2100);
});

it.each(['e\u0301', '한', '👍🏽', 'กำ'])(
  'keeps graphemes whole where a text is measured in parts: %s',
  grapheme => {
    const [cell] = splitCells(grapheme);
    const long = `${'漢'.repeat(100)}${`${grapheme} `.repeat(300)}`;
    expect(splitCells(long).filter(({text}) => text === cell?.text)).toHaveLength(300);
    expect(textWidth(long)).toBe(200 + 300 * (textWidth(grapheme) + 1));
  },
);
