import {setTimeout as sleep} from 'node:timers/promises';
import type {Unit} from '../measurement.ts';
import {readUsage} from '../process-usage.ts';
import type {Program} from '../programs.ts';
import {reasonOf, withProgram} from '../running-program.ts';
import type {Stage} from '../stage.ts';
import {addressOf, type Setting} from './figure.ts';

/**
 * What a program costs while it is looked at for a while at a refresh of 1 s: CPU and bytes to the terminal,
 * scaled to a minute, statements and execution time on the server for each refresh, peak memory.
 */
export async function measureSteady(setting: Setting): Promise<void> {
  for (const program of setting.programs) {
    const add = (figure: string, unit: Unit, sample: number | {failure: string}) =>
      setting.results.add({figure, condition: setting.condition, program: program.name, unit}, sample);
    try {
      const cost = await measureOne(setting, program);
      add('CPU', 's/min', cost.cpu_s_perMinute);
      add('bytes to the terminal', 'kB/min', cost.terminal_kB_perMinute);
      add('statements on the server', 'per refresh', cost.statements_perRefresh);
      add('execution time on the server', 'ms per refresh', cost.execution_ms_perRefresh);
      add('peak memory', 'MB', cost.peakMemory_MB);
    } catch (error) {
      add('CPU', 's/min', {failure: reasonOf(error)});
    }
    setting.progress(`steady, ${setting.condition}: ${program.name}`);
  }
}

/** What is measured is this long and is then scaled to a minute. */
export function steadyWindow_ms(isQuick: boolean): number {
  return isQuick ? 10_000 : 25_000;
}

function measureOne(setting: Setting, program: Program) {
  return withProgram(program, addressOf(setting, program), async terminal => {
    await terminal.waitFor(({screen}) => program.isComplete(screen()), {timeout_ms: 15_000});
    // What a start costs is a figure of its own.
    await sleep(2500);
    const [statementsBefore, usageBefore] = [
      await readStatements(setting.stage, program),
      readUsage(terminal.pid),
    ];
    const [bytesBefore, startedAt_ms] = [terminal.bytesWritten(), performance.now()];
    await sleep(steadyWindow_ms(setting.isQuick));
    const minutes = (performance.now() - startedAt_ms) / 60_000;
    const [bytesAfter, usageAfter] = [terminal.bytesWritten(), readUsage(terminal.pid)];
    const statementsAfter = await readStatements(setting.stage, program);
    const refreshes = statementsAfter.refreshes - statementsBefore.refreshes;
    if (refreshes < 1) throw new Error('the server saw no refresh');
    return {
      cpu_s_perMinute: (usageAfter.cpu_s - usageBefore.cpu_s) / minutes,
      terminal_kB_perMinute: (bytesAfter - bytesBefore) / 1000 / minutes,
      statements_perRefresh: (statementsAfter.calls - statementsBefore.calls) / refreshes,
      execution_ms_perRefresh: (statementsAfter.execution_ms - statementsBefore.execution_ms) / refreshes,
      peakMemory_MB: usageAfter.peakMemory_MB,
    };
  });
}

/**
 * Counters of the program's own role. A refresh is a call of the statement that lists the sessions: of those
 * that read pg_stat_activity, the one that returned most rows.
 */
async function readStatements(stage: Stage, program: Program) {
  const [row] = await stage.query<{calls: number; execution_ms: number; refreshes: number}>(
    `WITH own AS (
       SELECT s.* FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = $1
     )
     SELECT coalesce(sum(calls), 0)::float8 AS calls,
            coalesce(sum(total_exec_time), 0)::float8 AS execution_ms,
            coalesce((SELECT calls FROM own WHERE query ~* 'pg_stat_(get_)?activity'
                      ORDER BY rows DESC LIMIT 1), 0)::float8 AS refreshes
     FROM own`,
    [program.role],
  );
  if (!row) throw new Error('pg_stat_statements said nothing');
  return row;
}
