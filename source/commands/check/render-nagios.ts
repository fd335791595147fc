import {formatMetric, type HealthReport} from '../../cli/health/health-text.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import {sanitise} from '../../core/text/sanitise.ts';

/** `POOLCTL CRITICAL - slots used 95%; ...|used_ratio=95%;80;90;0;100 ...`, and a line for each further finding. */
export function nagiosLine({health, target}: HealthReport): string {
  const crossed = metricNames.filter(name => health.thresholds[name].is_crossed);
  const limits = crossed.map(name => `${metricOf(name).title} ${formatMetric(name, health.metrics[name])}`);
  const findings = health.findings.map(({severity, summary}) => `${severity}: ${summary}`);
  const what = [...limits, ...findings.slice(0, 1)].join('; ') || target;
  const data = metricNames.flatMap(name => perfdata(name, {health}));
  return [
    `POOLCTL ${health.status.toUpperCase()} - ${replaceBars(what)}|${data.join(' ')}`,
    ...findings.map(replaceBars),
  ].join('\n');
}

/** The line of a check that failed itself. */
export function nagiosFailure(status: 'CRITICAL' | 'UNKNOWN', message: string): string {
  return `POOLCTL ${status} - ${replaceBars(message)}`;
}

/** `'label'=value[UOM];warn;crit;min;max`; a range `90:` alerts below 90 (monitoring-plugins' guidelines). */
function perfdata(name: MetricName, {health}: Pick<HealthReport, 'health'>): string[] {
  const value = health.metrics[name];
  if (value === null) return [];
  const {kind, side} = metricOf(name);
  const {warning, critical} = health.thresholds[name];
  const scaled = (number: number) =>
    String(
      Number((kind === 'ratio' ? number * 100 : kind === 'duration' ? number / 1000 : number).toFixed(3)),
    );
  const range = (limit: number | null) =>
    limit === null ? '' : side === 'max' ? scaled(limit) : `${scaled(limit)}:`;
  const unit = {ratio: '%', duration: 's', count: ''}[kind];
  const label = name.replace(/_ms$/, '');
  return [
    `${label}=${scaled(value)}${unit};${range(warning)};${range(critical)};0${kind === 'ratio' ? ';100' : ''}`,
  ];
}

/** Replaces bars, which would start the performance data. */
function replaceBars(text: string): string {
  return sanitise(text).replaceAll('|', '/');
}
