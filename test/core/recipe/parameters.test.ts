import {describe, expect, it} from 'vitest';
import {recipes} from '../../../recipes/index.ts';
import {problemOf, resolveName, suggestionsOf} from '../../../source/core/recipe/parameters.ts';
import type {Parameter} from '../../../source/model/recipe.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const snapshot = createSnapshot({backends: [createBackend({pid: 4711}), createBackend({pid: 4712})]});

function parameter(kind: Parameter['kind'], more: Partial<Parameter> = {}): Parameter {
  return {name: 'p', description: '', kind, default: '', ...more};
}

const pids = parameter('pids', {suggest: ({backends}) => backends.map(({pid}) => String(pid))});
const role = parameter('text', {suggest: () => ['shop_app', 'web_app']});
const choice = parameter('choice', {choices: ['all', 'planner-verified']});

it.each<[string, Parameter]>([
  ['', parameter('duration')],
  ['  ', parameter('integer')],
  ['30s', parameter('duration')],
  ['1h30m', parameter('duration')],
  ['0', parameter('duration')],
  ['10GB', parameter('size')],
  ['1.5 mb', parameter('size')],
  ['8192', parameter('size')],
  ['12', parameter('integer')],
  ['0.8', parameter('number')],
  ['all', choice],
  ['ALL', choice],
  ['4711', pids],
  ['4711, 4712', pids],
  ['4711@2026-01-01T00:00:00.123456Z', pids],
  ['idle,idle in transaction', parameter('states')],
  ['shop_app', role],
  ['shop_app,web_app', role],
  ['anything', parameter('text')],
  ['45s', parameter('text', {suggest: () => ['30s', 'default']})],
  ['anything', parameter('text', {suggest: () => []})],
  ['./.env', parameter('path')],
])('a parameter accepts %j', (value, of) => {
  expect(problemOf(of, value, snapshot, {})).toBeNull();
});

it.each<[string, Parameter, string, string]>([
  ['', parameter('text', {is_required: true}), 'error', 'must be set'],
  ['5mi', parameter('duration'), 'error', 'not a duration: 90s, 10min, 1h30m'],
  ['10GiB', parameter('size'), 'error', 'not a size: 500MB, 10GB'],
  ['much', parameter('size'), 'error', 'not a size: 500MB, 10GB'],
  ['1.5', parameter('integer'), 'error', 'not a whole number'],
  ['many', parameter('number'), 'error', 'not a number'],
  ['some', choice, 'error', 'one of all, planner-verified'],
  ['4711;', pids, 'error', 'not pids: 4711,4712'],
  ['idle,asleep', parameter('states'), 'error', 'no state "asleep"'],
  ['4711,9', pids, 'warning', 'not found now'],
  ['shop_ap', role, 'warning', 'not found now; did you mean shop_app?'],
  ['nobody', role, 'warning', 'not found now'],
  // Names are taken exactly.
  ['shop_app ', role, 'warning', 'not found now; did you mean shop_app?'],
  ['0x10', pids, 'error', 'not pids: 4711,4712'],
  ['1e3', parameter('integer'), 'error', 'not a whole number'],
])('an invalid parameter is explained: %j', (value, of, severity, text) => {
  expect(problemOf(of, value, snapshot, {})).toEqual({severity, text});
});

it.each<[string, string, string, string]>([
  ['tune-connection-limit', 'usable_share', '5', 'not a number from 0.05 to 1'],
  ['tune-connection-limit', 'deploy_overlap', '0.5', 'not a number from 1 to 10'],
  ['tune-connection-limit', 'instances', '0', 'not a number from 1 up'],
  ['tune-connection-limit', 'apply', 'role,foo', 'no "foo"'],
  ['cancel-runaway-statements', 'simple', 'web', '"web" is not a selector'],
  ['set-timeouts', 'lock_timeout', '30', 'not a valid timeout'],
  ['set-timeouts', 'reset', 'lock_time', 'unknown timeout "lock_time"'],
  ['drop-unused-indexes', 'max_scans', '-1', 'not a number from 0 up'],
  ['analyze-stale-tables', 'threshold_times', '-1', 'not a number from 0 to 1000'],
  ['kill-idle-sessions', 'at_most', '0', 'not a number from 1 up'],
  ['kill-idle-sessions', 'at_most', '-1', 'not a number from 1 up'],
])("the recipe's own check is reported: %s, %s=%j", (id, name, value, text) => {
  const of = recipes.find(each => each.id === id)?.parameters.find(each => each.name === name);
  if (of === undefined) throw new Error('there is one');
  expect(problemOf(of, value, snapshot, {})).toEqual({severity: 'error', text});
  expect(problemOf(of, of.default, snapshot, {})).toBeNull();
});

it('names are not checked before the first snapshot', () => {
  expect(problemOf(role, 'nobody', null, {})).toBeNull();
});

const known = [
  {schema: 'public', name: 'students'},
  {schema: 'school', name: 'students'},
  {schema: 'school', name: 'Course'},
  {schema: 'school', name: 'a.b'},
];

describe('resolveName', () => {
  it.each([
    ['school.students', 'school.students'],
    ['Course', 'school.Course'],
    ['a.b', 'school.a.b'],
  ])('%s is %s', (typed, name) => {
    expect(resolveName('table', typed, known)).toBe(name);
  });

  it.each([
    ['students', /more than one schema/, 'candidates: public.students, school.students'],
    ['school.student', /does not exist/, 'did you mean school.students?'],
    ['Cuorse', /does not exist/, 'did you mean school.Course?'],
    ['shop.Course', /does not exist/, 'did you mean school.Course?'],
    ['nope', /does not exist/, 'candidates: public.students, school.students, school.Course, school.a.b'],
  ])('refuses %s', (typed, message, hint) => {
    expect(() => resolveName('table', typed, known)).toThrow(
      expect.objectContaining({exitCode: 2, message: expect.stringMatching(message), hint}),
    );
  });

  it('lists some candidates and counts the rest, and lists none if there are none', () => {
    const many = Array.from({length: 7}, (_, at) => ({schema: 's', name: `table_number_${at}`}));
    const refused = (hint: unknown) => expect.objectContaining({hint});
    expect(() => resolveName('table', 'nope', many)).toThrow(refused(expect.stringMatching(/ and 2 more$/)));
    expect(() => resolveName('table', 'nope', [])).toThrow(refused(undefined));
  });
});

describe('suggestions', () => {
  it('are drawn once for the same snapshot and data, and again for others', () => {
    const drawn: number[] = [];
    const counted = parameter('text', {
      suggest: ({backends}) => {
        drawn.push(backends.length);
        return ['a'];
      },
    });
    const data = {};
    expect(suggestionsOf(counted, snapshot, data)).toEqual(['a']);
    expect(suggestionsOf(counted, snapshot, data)).toEqual(['a']);
    expect(problemOf(counted, 'c', snapshot, data)?.text).toBe('not found now');
    expect(drawn).toEqual([2]);
    expect(suggestionsOf(counted, createSnapshot(), data)).toEqual(['a']);
    expect(suggestionsOf(counted, snapshot, {})).toEqual(['a']);
    expect(drawn).toEqual([2, createSnapshot().backends.length, 2]);
  });

  it('are none without a snapshot, and where the parameter has none', () => {
    expect(suggestionsOf(role, null, {})).toEqual([]);
    expect(suggestionsOf(parameter('text'), snapshot, {})).toEqual([]);
  });
});
