import {describe, expect, it} from 'vitest';
import {
  cpuShares,
  parseLoad,
  parseMemory,
  parseStartTicks,
  parseStat,
  whyElsewhere,
} from '../../../source/core/server/host.ts';

const stat = `cpu  1000 20 300 8000 400 5 15 60 700 8
cpu0 500 10 150 4000 200 2 7 30 350 4
cpu1 500 10 150 4000 200 3 8 30 350 4
intr 1 2 3
btime 1795870000
`;

it('reads /proc/stat without counting guests twice', () => {
  expect(parseStat(stat)).toEqual({
    cpu: {total: 9800, idle: 8000, iowait: 400, steal: 60},
    cores: 2,
    booted_s: 1795870000,
  });
  expect(parseStat('')).toBeNull();
});

it('reads /proc/loadavg and /proc/meminfo', () => {
  expect(parseLoad('12.50 3.04 0.09 3/412 991\n')).toEqual([12.5, 3.04, 0.09]);
  expect(parseLoad('')).toBeNull();
  const memory =
    'MemTotal:  16000 kB\nMemFree:  100 kB\nMemAvailable:  4000 kB\nSwapTotal: 1000 kB\nSwapFree: 250 kB\n';
  expect(parseMemory(memory)).toEqual({
    total_bytes: 16_384_000,
    available_bytes: 4_096_000,
    swap_used_bytes: 768_000,
  });
  expect(parseMemory('MemTotal: 1 kB\n')).toBeNull();
});

it('computes shares of the time between two readings', () => {
  const here = {
    kind: 'here' as const,
    cores: 2,
    load: [0, 0, 0] as [number, number, number],
    disks: [],
    disks_unknown: null,
  };
  const memory = {total_bytes: 1, available_bytes: 1, swap_used_bytes: 0};
  const reading = (at_ms: number, cpu: {total: number; idle: number; iowait: number; steal: number}) => ({
    ...here,
    memory,
    at_ms,
    cpu,
  });
  const before = reading(0, {total: 1000, idle: 500, iowait: 100, steal: 0});
  expect(cpuShares(before, reading(1000, {total: 1200, idle: 550, iowait: 140, steal: 10}))).toEqual({
    busy: 0.55,
    iowait: 0.2,
    steal: 0.05,
    interval_ms: 1000,
  });
  expect(cpuShares(before, before)).toBeNull();
});

describe('the proof that the server runs here', () => {
  const processStat = '4711 (post) gres) S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100000 1 1';
  const session = {pid: 4711, started_s: 1795871000.4, client_port: 50_123};
  const files = {
    cmdline: 'postgres: app shop 127.0.0.1(50123) SELECT\0\0',
    stat: processStat,
    booted_s: 1795870000,
  };

  it('reads when the process started', () => {
    expect(parseStartTicks(processStat)).toBe(100_000);
  });

  it.each([
    ['its own process', session, files, true],
    [
      'a Unix socket',
      {...session, client_port: null},
      {...files, cmdline: 'postgres: main: app shop [local] idle'},
      true,
    ],
    ['no such process', session, {...files, cmdline: null, stat: null}, false],
    ['another program', session, {...files, cmdline: 'node server.js (50123)'}, false],
    [
      "another session's process",
      session,
      {...files, cmdline: 'postgres: app shop 127.0.0.1(50124) idle'},
      false,
    ],
    ['a process that began at another time', {...session, started_s: 1795871100}, files, false],
  ])('%s', (_, backend, found, isHere) => {
    expect(whyElsewhere(backend, found) === null).toBe(isHere);
  });
});
