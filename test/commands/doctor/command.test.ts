import {describe, expect, it} from 'vitest';
import {printDoctorReport} from '../../../source/commands/doctor/command.ts';
import type {DoctorCheck, DoctorReport} from '../../../source/model/target.ts';

const ok: DoctorCheck = {
  id: 'sessions',
  status: 'ok',
  detail: "every role's sessions are visible",
  remedy: null,
  needs_restart: false,
  note: null,
};
const missing: DoctorCheck = {
  id: 'signal',
  status: 'missing',
  detail: "may cancel and terminate only its own role's sessions",
  remedy: 'GRANT pg_signal_backend TO "app";',
  needs_restart: false,
  note: 'Run it as a member of rds_superuser.',
};
const advice: DoctorCheck = {...missing, id: 'io_timing', status: 'advice', note: null};

function reportWith(checks: DoctorCheck[]): DoctorReport {
  return {
    schema_version: 1,
    target: {
      id: 'db:5432/shop',
      host: 'db',
      port: 5432,
      database: 'shop',
      user: 'app\u001b[2J',
      server_version_num: 150_018,
      statements_version: '1.10',
      is_in_recovery: false,
      is_production: true,
      managed_service: 'rds',
      privileges: {is_superuser: false, read_all_stats: true, signal_backend: false, reserved_slots: false},
      prisma: null,
    },
    connection: {
      source: 'DATABASE_URL in ./.env',
      route: 'direct',
      is_encrypted: true,
      is_pooled: false,
      round_trip_ms: 1.25,
      ignored_parameters: ['connection_limit=5'],
      warnings: ['~/.pgpass is ignored'],
    },
    checks,
  };
}

function run(checks: DoctorCheck[], json: boolean) {
  const stdout: string[] = [];
  const output = {
    stdout: (text: string) => void stdout.push(text),
    stderr: () => {
      throw new Error('doctor wrote to stderr');
    },
    isTty: false,
    columns: 80,
  };
  const exitCode = printDoctorReport(reportWith(checks), output, {json});
  return {exitCode, text: stdout.join('\n')};
}

describe('doctor', () => {
  it('prints each check with its remedy below', () => {
    const {text} = run([ok, missing, advice], false);
    expect(text.split('\n')).toEqual([
      'PostgreSQL 15.18 on rds at db:5432/shop as app·[2J',
      '  from DATABASE_URL in ./.env, connected over TLS, round trip 1.25ms',
      '  marked as production',
      '  ignored in the URL: connection_limit=5',
      '  ~/.pgpass is ignored',
      '',
      "ok       sessions   every role's sessions are visible",
      "MISSING  signal     may cancel and terminate only its own role's sessions",
      '                    -> GRANT pg_signal_backend TO "app";',
      '                       Run it as a member of rds_superuser.',
      "advice   io_timing  may cancel and terminate only its own role's sessions",
      '                    -> GRANT pg_signal_backend TO "app";',
      '',
      '1 missing; 1 piece of advice.',
    ]);
  });

  it.each([
    ['nothing is missing', [ok], 0],
    ['advice alone', [ok, advice], 0],
    ['something is missing', [ok, missing], 1],
  ] as const)('exits 1 only if something is missing: %s', async (_, checks, expected) => {
    expect(run([...checks], false).exitCode).toBe(expected);
    expect(run([...checks], true).exitCode).toBe(expected);
  });

  it('prints the report as JSON, its schema_version first', () => {
    const {text} = run([ok, missing], true);
    expect(JSON.parse(text)).toEqual(reportWith([ok, missing]));
    expect(text).toMatch(/^\{\s*"schema_version": 1,/);
  });
});
