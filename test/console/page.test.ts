import {describe, expect, it} from 'vitest';
import {createRunState} from '../../source/core/engine/run-state.ts';
import {identity, running, start, steps} from './dialog-states.ts';
import {createPlan, mount, play, press} from './played.ts';

describe('a page', () => {
  it('stays within its end when it becomes shorter or the terminal higher', () => {
    const shown = mount(press(start([80, 24]), 'a', 'enter', 'enter'));
    shown.play('G', {kind: 'resized', columns: 80, rows: 50});
    expect(shown.rows().at(-1)).not.toContain('below');
    expect(shown.rows().some(row => row.includes('skipped'))).toBe(true);
  });

  it('begins at its first line, wherever the one before was', () => {
    const shown = mount(press(start([80, 24]), 'a', 'enter', 'enter'));
    shown.play('G', 'enter');
    expect(shown.rows().join('\n')).toContain('12 sessions to end');
    shown.play('escape');
    expect(shown.rows().join('\n')).toContain('12 steps; skipped: 1');
  });

  describe('that is not on the screen for a while', () => {
    /** At its step 11, which waits for session 77, scrolled up to its first line. */
    function scrolledRun(current = 11) {
      const run = createRunState(createPlan(0, {steps}), identity);
      const waiting_for = {pid: 77, description: 'shop_app'};
      const waits = run.steps.map((step, index) =>
        index === current
          ? {...step, status: 'acting' as const, progress: {phase: 'waiting', done_ratio: null, waiting_for}}
          : step,
      );
      return {kind: 'run' as const, run: {...run, steps: waits, phase: 'acting' as const, current}};
    }
    const shown = () => {
      const mounted = mount(play(running(start([60, 15])), scrolledRun()).state);
      mounted.play('g');
      expect(mounted.rows().join('\n')).toContain('slots');
      return mounted;
    };

    it('stays where it was under another page', () => {
      const {play: keys, rows} = shown();
      const before = rows();
      keys('w');
      expect(rows().join('\n')).toContain('session 77');
      keys('G', 'escape');
      expect(rows()).toEqual(before);
      keys('j');
      const moved = rows();
      expect(moved).not.toEqual(before);
      keys('w', 'escape');
      expect(rows()).toEqual(moved);
    });

    it('stays where it was while the terminal is too small', () => {
      const {play: keys, rows} = shown();
      keys('j');
      const before = rows();
      keys({kind: 'resized', columns: 30, rows: 5}, {kind: 'resized', columns: 60, rows: 15});
      expect(rows()).toEqual(before);
    });

    it('shows the step under way when it begins to wait, and after the terminal has become smaller', () => {
      const mounted = mount(running(start([80, 24])));
      mounted.play(scrolledRun());
      expect(mounted.rows().join('\n')).toContain('waits for 77 shop_app');
      mounted.play({kind: 'resized', columns: 60, rows: 15});
      expect(mounted.rows().join('\n')).toContain('waits for 77 shop_app');
      mounted.play({kind: 'resized', columns: 40, rows: 10});
      expect(mounted.rows().join('\n')).toContain('waits for 77 shop_app');
    });

    it('shows the step that has begun meanwhile', () => {
      const {play: keys, rows} = shown();
      keys('w', scrolledRun(10), 'escape');
      expect(rows().join('\n')).toContain('terminate 4010');
      expect(rows().join('\n')).not.toContain('slots  ');
    });
  });

  it('moves by its own height less three lines', () => {
    const shown = mount(press(start([80, 24], true), 'a', 'enter', 'enter'));
    const body = () => shown.rows().slice(5, -2);
    const before = body();
    shown.play('pagedown');
    expect(body().slice(0, 3)).toEqual(before.slice(-3));
  });
});
