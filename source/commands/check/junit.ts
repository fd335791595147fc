import {applicationLines, comparisonLines} from '../../cli/health/health-text.ts';
import {
  applicationReasons,
  formatMetric,
  type HealthReport,
  limitText,
  reasonsOf,
  worseLines,
} from '../../cli/health/reasons.ts';
import type {ApplicationHealth} from '../../core/health/applications.ts';
import {isWorse} from '../../core/health/baseline.ts';
import {type Level, worst} from '../../core/health/health.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import {sanitise} from '../../core/text/sanitise.ts';

type Case = {suite: string; name: string; failure: Failure | null; skipped?: string};

/** `details` are the text of the element, which some systems show and not the message. */
type Failure = {type: Level; message: string; details?: readonly string[]};

/** JUnit XML as Jenkins and other CI systems read it: a case for each limit and each recipe. */
export function junitXml(report: HealthReport): string {
  const cases = [
    ...thresholdCases(report),
    ...recipeCases(report),
    ...watchCases(report),
    ...comparisonCases(report),
    ...report.applications.map(applicationCase),
  ];
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
      ...(level === 'unknown' && {skipped: skippedBecause(name, health)}),
    };
  });
}

function skippedBecause(name: MetricName, {unavailable}: HealthReport['health']): string {
  const hidden = unavailable.find(({section}) => section === metricOf(name).section);
  return hidden === undefined ? 'not measured' : `${hidden.reason}. ${hidden.remedy}`;
}

/** What the course of a watch shows beside its percentiles. */
function watchCases(report: HealthReport): Case[] {
  if (!('watch' in report.health)) return [];
  const reasons = reasonsOf(report).filter(({kind}) => kind === 'watch');
  const [first] = reasons;
  const message = reasons.map(({text}) => text).join('; ');
  return [
    {
      suite: 'watch',
      name: 'no limit critical during the watch',
      failure: first ? {type: first.level, message} : null,
    },
  ];
}

function recipeCases({health, recipes}: HealthReport): Case[] {
  const ids = new Set([...recipes.map(({id}) => id), ...health.findings.map(({recipe}) => recipe)]);
  return [...ids].map(id => {
    const own = health.findings.filter(({recipe}) => recipe === id);
    const message = own.map(({summary}) => summary).join('; ');
    const details = own.flatMap(({summary, reasons = []}) => [summary, ...reasons.map(each => `  ${each}`)]);
    const type = worst(own.map(({severity}) => severity));
    return {suite: 'findings', name: id, failure: own.length === 0 ? null : {type, message, details}};
  });
}

function comparisonCases({comparison}: HealthReport): Case[] {
  if (comparison === null) return [];
  const message = worseLines(comparison).join('; ');
  return [
    {
      suite: 'baseline',
      name: 'not slower and no more errors than the baseline',
      failure: isWorse(comparison) ? {type: 'warning', message, details: comparisonLines(comparison)} : null,
    },
  ];
}

function applicationCase(health: ApplicationHealth): Case {
  const reasons = applicationReasons(health);
  const [first] = reasons;
  const {name} = health.figures;
  const base = {suite: 'applications', name};
  if (first !== undefined) {
    const message = reasons.map(({text}) => text).join('; ');
    const type = worst(reasons.map(({level}) => level));
    return {...base, failure: {type, message, details: applicationLines(health)}};
  }
  return {
    ...base,
    failure: null,
    ...(health.level === 'unknown' && {skipped: health.left_out[0] ?? 'unknown'}),
  };
}

function caseXml({suite, name, failure, skipped}: Case): string {
  const open = `    <testcase classname="${escaped(`poolctl.${suite}`)}" name="${escaped(name)}"`;
  if (failure !== null) {
    return `${open}><failure type="${failure.type}" message="${escaped(failure.message)}">${(failure.details ?? [failure.message]).map(escaped).join('\n')}</failure></testcase>`;
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

/** The JUnit file of a check that could not be made. */
export function junitError(message: string): string {
  const text = escaped(redactSecrets(message));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="poolctl check" tests="1" failures="0" errors="1">',
    '  <testsuite name="check" tests="1" failures="0" errors="1" skipped="0">',
    `    <testcase classname="poolctl.check" name="check completed"><error message="${text}">${text}</error></testcase>`,
    '  </testsuite>',
    '</testsuites>',
  ].join('\n');
}
