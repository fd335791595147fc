import type {CommandProgress, ProgressRate} from '../../../model/server-work.ts';
import {poolName} from '../../assessment/context.ts';
import {formatAge, formatBytes, formatCount, formatRatio, formatSpan} from '../../text/format.ts';
import {formatRate} from '../progress.ts';
import {type TopicRow, topic} from './topic.ts';

type Running = CommandProgress & ProgressRate;

/** Commands that take long: how far they are, how fast, and which session they wait for. */
export const progress = topic({
  name: 'progress',
  reads: ['progress'],
  rows: ({progress: commands}): TopicRow[] =>
    commands.length === 0
      ? [{id: 'none', verdict: 'ok', text: 'no vacuum, index build, copy or backup runs', page: () => []}]
      : commands.map(commandRow),
});

function commandRow(command: Running): TopicRow {
  const {pid, command: name, relation, phase, waits_for, wait} = command;
  const what = relation === null ? name : `${name} ${relation}`;
  const waiting =
    waits_for === null
      ? ''
      : `; waits for ${waits_for.pid === 0 ? '' : `${waits_for.pid} `}${waits_for.description}`;
  return {
    id: `command:${pid}`,
    verdict: waits_for === null ? 'ok' : 'warning',
    text: [`${what}: ${phase}`, ...figuresOf(command)].join(', ') + waiting,
    page: () => [
      {
        heading: what,
        properties: [
          ['session', `${pid}, ${poolName(command)}, database ${command.datname ?? '-'}`],
          ['runs', `for ${formatAge(command.age_ms)}`],
          ['phase', phase],
          ['done', doneText(command)],
          [
            'rate',
            command.per_second === null
              ? 'available after the next refresh in this phase'
              : formatRate(command.per_second, command.unit),
          ],
          ['left', leftText(command)],
          [
            'waits for',
            waits_for === null
              ? (wait ?? 'nothing')
              : `${wait ?? 'a lock'}: ${waits_for.pid} ${waits_for.description}`,
          ],
        ],
        text: ['The time left is that of the phase, at the rate of the last minute.'],
      },
    ],
  };
}

function figuresOf({done_ratio, per_second, left_ms, unit}: Running): string[] {
  return [
    ...(done_ratio === null ? [] : [formatRatio(done_ratio, 0)]),
    ...(per_second === null || unit === 'sessions' ? [] : [formatRate(per_second, unit)]),
    ...(left_ms === null ? [] : [`${formatSpan(left_ms)} left in this phase`]),
  ];
}

function doneText({done, total, unit}: Running): string {
  if (done === null) return 'unknown: the server does not count this phase';
  const write = (value: number) =>
    unit === 'bytes' ? formatBytes(value) : `${formatCount(value)} ${unit ?? ''}`;
  return total === null ? `${write(done)}, of an unknown total` : `${write(done)} of ${write(total)}`;
}

function leftText({left_ms, total, per_second}: Running): string {
  if (left_ms !== null) return formatSpan(left_ms);
  if (total === null) return 'unknown: the server does not say the total';
  return per_second === 0 ? 'unknown: nothing moves' : 'available after the next refresh in this phase';
}
