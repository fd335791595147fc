import {comparisonLines, formatMetric, type HealthReport, limitText} from '../../cli/health/health-text.ts';
import {type Level, worst} from '../../core/health/health.ts';
import {metricNames, metricOf} from '../../core/health/metrics.ts';
import {sanitise} from '../../core/text/sanitise.ts';

type Case = {suite: string; name: string; failure: {type: Level; message: string} | null; skipped?: string};

/** JUnit XML as Jenkins and other CI systems read it: a case for each limit and each recipe. */
export function junitXml(report: HealthReport): string {
  const cases = [...thresholdCases(report), ...recipeCases(report), ...comparisonCases(report)];
  const seconds = 'watch' in report.health ? report.health.watch.elapsed_ms / 1000 : 0;
  const suites = [...new Set(cases.map(({suite}) => suite))].map(suite => {
    const own = cases.filter(each => each.suite === suite);
    return [
      `  <testsuite name="${escaped(suite)}" ${countsOf(own)} time="${seconds}">`,
      ...own.map(caseXml),
      '  </testsuite>',
    ].join('\n');
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(`poolctl check ${report.target}`)}" tests="${cases.length}" failures="${failuresIn(cases)}" time="${seconds}">`,
    ...suites,
    '</testsuites>',
  ].join('\n');
}

function thresholdCases({health}: HealthReport): Case[] {
  return metricNames.map(name => {
    const threshold = health.thresholds[name];
    const {level} = threshold;
    const value = formatMetric(name, health.metrics[name]);
    const message = `${value}, ${limitText(name, threshold)}`;
    const isFailed = level === 'warning' || level === 'critical';
    return {
      suite: 'limits',
      name: metricOf(name).title,
      failure: isFailed ? {type: level, message} : null,
      ...(level === 'unknown' && {skipped: 'not measured'}),
    };
  });
}

function recipeCases({health, recipes}: HealthReport): Case[] {
  return recipes.map(({id}) => {
    const own = health.findings.filter(({recipe}) => recipe === id);
    const message = own.map(({summary}) => summary).join('; ');
    const type = worst(own.map(({severity}) => severity));
    return {suite: 'findings', name: id, failure: own.length === 0 ? null : {type, message}};
  });
}

function comparisonCases({comparison}: HealthReport): Case[] {
  if (comparison === null) return [];
  const {slower, errors} = comparison;
  const isWorse = slower.length > 0 || errors.is_worse;
  const message = comparisonLines(comparison).join('; ');
  return [
    {
      suite: 'baseline',
      name: 'no slower, no more errors',
      failure: isWorse ? {type: 'warning', message} : null,
    },
  ];
}

function caseXml({suite, name, failure, skipped}: Case): string {
  const open = `    <testcase classname="${escaped(`poolctl.${suite}`)}" name="${escaped(name)}"`;
  if (failure !== null) {
    return `${open}><failure type="${failure.type}" message="${escaped(failure.message)}"/></testcase>`;
  }
  return skipped === undefined ? `${open}/>` : `${open}><skipped message="${escaped(skipped)}"/></testcase>`;
}

function countsOf(cases: readonly Case[]): string {
  const skipped = cases.filter(each => each.skipped !== undefined).length;
  return `tests="${cases.length}" failures="${failuresIn(cases)}" errors="0" skipped="${skipped}"`;
}

function failuresIn(cases: readonly Case[]): number {
  return cases.filter(({failure}) => failure !== null).length;
}

/** Replaces what XML 1.0 does not allow: U+FFFE, U+FFFF and, in `sanitise`, controls and lone surrogates. */
function escaped(text: string): string {
  return sanitise(text)
    .replace(/[\ufffe\uffff]/g, '·')
    .replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);
}
