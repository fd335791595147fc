import {describe, expect, it} from 'vitest';
import {reportMarkdown, reportText} from '../../../source/replay/report.ts';
import {activeMarkdown, hostileNames} from '../../helpers/active-markdown.ts';
import {documentOf, resultOf} from './results.ts';

const hostile = 'SELECT 1 \u001b[2J\u202e| x\n--';

describe('the report', () => {
  const statement = {
    query: hostile,
    line: 3,
    calls: 500,
    calls_per_request: 5,
    most_per_request: 5,
    rows_per_call: 1,
    bytes_per_call: 60,
    mean_wait_ms: 0,
    mean_execute_ms: 1,
    is_n_plus_one: true,
  };
  const failure = {kind: 'sqlstate', sqlstate: '42P01', line: 3, message: `no ${hostile}`, count: 2};
  const document = documentOf(
    [
      resultOf({
        variant: 'before',
        p95_ms: 40,
        queries_per_request: 102,
        statements: [statement],
        failures: [failure],
      }),
      resultOf({variant: 'after', p95_ms: 4, queries_per_request: 3, pool_timeout: 7}),
      resultOf({variant: 'after', instances: 1000, is_simulated: true}),
    ],
    {endpoint: `GET /${hostile}`, notes: [hostile]},
  );

  it.each([
    ['text', reportText(document, 100)],
    ['markdown', reportMarkdown(document)],
  ])('as %s contains no control characters from the server', (_, text) => {
    expect(text).not.toMatch(/[\u001b\u202e]/);
  });

  it('as Markdown escapes everything from the server', () => {
    for (const name of hostileNames) {
      const named = {...document, endpoint: name, target: name, notes: [name]};
      const results = document.results.map(result => ({...result, variant: name}));
      expect(activeMarkdown(reportMarkdown({...named, results}))).toEqual([]);
    }
  });

  it('names errors by kind, marks simulated rows, and shows N+1 with its line', () => {
    const text = reportText(document, 100);
    expect(text).toContain('7 pool timeout');
    expect(text).toContain('after (simulated)');
    expect(text).toMatch(/5x +N\+1 +line 3/);
    expect(text).toContain('failed: x.sql:3: no SELECT 1');
    expect(text).toContain('(42P01), 2 times');
  });

  it('compares variants of the same setting in Markdown', () => {
    const text = reportMarkdown(document);
    expect(text).toContain('| Queries per request | 102 | 3 | -97% |');
    expect(text).toContain('| Response time p95 | 40.0ms | 4.00ms | -90% |');
    expect(text).toContain('| Errors | 0 | 7 pool timeout |  |');
    expect(text).toContain('1000 instances (simulated)');
  });

  it('draws a sweep, the recommended limit in brackets, within the columns', () => {
    const results = Array.from({length: 20}, (_, index) =>
      resultOf({connection_limit: index + 1, requests_per_second: Math.min(index, 7) * 100}),
    );
    const recommendation = {
      variant: 'before',
      connection_limit: 8,
      connections: 8,
      concurrency: 10,
      requests_per_second: 700,
      p95_ms: 10,
      reason: 'because',
    };
    const lines = reportText(documentOf(results, {recommendation}), 80).split('\n');
    const from = lines.findIndex(line => line.includes('requests/s over connection_limit'));
    const chart = lines.slice(from, from + 11);
    expect(chart.at(-1)).toMatch(/\[8\]/);
    expect(Math.max(...chart.map(({length}) => length))).toBeLessThanOrEqual(80);
    expect(lines.at(-1)).toBe('recommended: because');
  });

  it('says that it is partial, and how many statements it leaves out', () => {
    const statement = {
      ...{query: 'SELECT 1', line: 1, calls: 1, calls_per_request: 1, most_per_request: 1, rows_per_call: 1},
      ...{bytes_per_call: 1, mean_wait_ms: 0, mean_execute_ms: 1, is_n_plus_one: false},
    };
    const statements = Array.from({length: 50}, () => statement);
    const result = resultOf({statements, statement_count: 63});
    const partial = documentOf([result], {is_complete: false});
    expect(reportText(partial, 100)).toContain('partial: not everything was measured');
    expect(reportMarkdown(partial)).toContain('**Partial:**');
    const whole = reportText(documentOf([result]), 100);
    expect(whole).not.toContain('partial');
    expect(whole).toContain('  ... and 51 more statements');
    expect(whole).toContain('poolctl with the endpoint took 0.50 cores, 0.10ms per query');
  });

  it('is short if nothing was measured', () => {
    expect(reportText(documentOf([], {notes: ['left out']}), 80)).toContain('note: left out');
    expect(reportMarkdown(documentOf([]))).toContain('## `GET /x`');
  });
});
