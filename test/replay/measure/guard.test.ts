import {describe, expect, it} from 'vitest';
import {
  createGuard,
  headroomOf,
  refuseWrites,
  type Slots,
  sessionSettings,
} from '../../../source/replay/measure/guard.ts';

describe('the guard', () => {
  it('keeps slots free for other clients', async () => {
    const slots: Slots = {usable: 97, used: 41, own: 1};
    expect(await createGuard(async () => slots, true).room()).toEqual({
      connections: 97 - headroomOf(97) - 40,
      usable: 97,
      reason: "40 of 97 slots are used, poolctl's among them, and 10 stay free for other clients",
    });
    const full = createGuard(async () => ({usable: 10, used: 10, own: 0}), true);
    expect((await full.room()).connections).toBe(0);
  });

  it('stops when other clients run short of slots, with the reason', async () => {
    let used = 50;
    const guard = createGuard(async () => ({usable: 97, used, own: 20}), true);
    expect(await guard.count()).toBe(20);
    expect(guard.signal.aborted).toBe(false);
    used = 95;
    await guard.count();
    expect(guard.signal.aborted).toBe(true);
    expect(guard.reason()).toContain('2 of 97 were free, 20 taken by the replay');
  });

  it('lets a replay fill a throwaway server', async () => {
    const guard = createGuard(async () => ({usable: 10, used: 10, own: 10}), false);
    expect((await guard.room()).connections).toBe(Number.POSITIVE_INFINITY);
    await guard.count();
    expect(guard.signal.aborted).toBe(false);
  });

  it('continues if the server does not answer', async () => {
    const guard = createGuard(() => Promise.reject(new Error('gone')), true);
    expect(await guard.count()).toBeNull();
    expect(guard.signal.aborted).toBe(false);
  });

  it('refuses writes only on production and where poolctl is read-only', () => {
    const target = {is_production: false, read_only: null};
    const production = {...target, is_production: true};
    const readOnly = {...target, read_only: '--read-only'};
    expect(() => refuseWrites({allowWrites: true, ...production})).toThrow(/production/);
    expect(() => refuseWrites({allowWrites: true, ...readOnly})).toThrow(/read-only here \(--read-only\)/);
    expect(() => refuseWrites({allowWrites: true, ...target})).not.toThrow();
    expect(() => refuseWrites({allowWrites: false, ...production, ...readOnly})).not.toThrow();
    expect(sessionSettings({allowWrites: false})).toContain('default_transaction_read_only=on');
    expect(sessionSettings({allowWrites: true})).not.toContain('read_only');
  });
});
