import {describe, expect, it} from 'vitest';
import type {DataRequest} from '../../../source/console/state/run.ts';
import type {ConsoleState, Effect} from '../../../source/console/state/state.ts';
import type {Message} from '../../../source/console/store.ts';
import {noDiagnosisData} from '../../../source/core/recipe/diagnose.ts';
import type {Parameter, ParameterValues, Plan, Recipe} from '../../../source/model/recipe.ts';
import type {RecipeData} from '../../../source/model/recipe-data.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';
import {createFinding, createPlan, createRecipe, key, open, play, press, read, screenOf} from '../played.ts';

const parameters: Parameter[] = [
  {name: 'limit', description: 'how many at most', kind: 'integer', default: '5'},
  {name: 'role', description: 'whose', kind: 'text', default: '', is_required: true},
  {name: 'mode', description: 'how', kind: 'choice', choices: ['fast', 'safe', 'dry'], default: 'fast'},
];

const facts: RecipeData = {answers: {roles: [{role: 'shop_app'}]}};

const query = {text: 'SELECT 1', values: []};

/** Needs the role's answer, draws its defaults from it, and keeps what it was asked to plan. */
function needing(planned: [ParameterValues, RecipeData][] = [], overrides: Partial<Recipe> = {}): Recipe {
  return createRecipe({
    parameters,
    planRequires: ({role = ''}) => ({answers: {roles: {...query, values: [role]}}}),
    defaults: (_, {answers}) => ({limit: '9', role: String(answers?.roles?.[0]?.role ?? '')}),
    plan: (_, params, given): Plan => {
      planned.push([params, given]);
      return createPlan(1);
    },
    ...overrides,
  });
}

/** In the Recipes view, on the one recipe there is. */
function start(recipe: Recipe): ConsoleState {
  return press(play(open(100, 30, {recipes: [recipe]}), read(createSnapshot())).state, '5', 'g');
}

/** What a key wants done, and the state after it. */
function pressed(
  state: ConsoleState,
  command: Message,
): {state: ConsoleState; dataRequest: DataRequest | null} {
  const {state: next, effects} = play(state, command);
  const effect = effects.find((each): each is Effect & {kind: 'load-data'} => each.kind === 'load-data');
  return {state: next, dataRequest: effect?.dataRequest ?? null};
}

function dataLoaded(state: ConsoleState, dataRequest: DataRequest | null, given = facts): ConsoleState {
  if (dataRequest === null) throw new Error('nothing was asked for');
  return play(state, {kind: 'data-loaded', dataRequest, facts: given}).state;
}

describe('facts', () => {
  it('are requested when the wizard opens, and give defaults for parameters that are not set', () => {
    const {state, dataRequest} = pressed(start(needing()), key('enter'));
    expect(dataRequest?.needs).toEqual({answers: {roles: {...query, values: ['']}}});
    expect(screenOf(state)).toContain("reading the results of the recipe's queries");
    const form = press(state, 'enter', 'backspace', '7');
    const screen = screenOf(dataLoaded(form, dataRequest));
    expect(screen).toMatch(/> limit +7▏/);
    expect(screen).toMatch(/role\* +shop_app/);
    expect(screen).not.toContain('reading');
  });

  it('come with what the readings show of each application', () => {
    const defaults: Recipe['defaults'] = (_, {applications}) => ({role: applications?.[0]?.usename ?? ''});
    const recipe = needing([], {defaults});
    const backends = [createBackend({usename: 'shop_app', application_name: 'shop'})];
    const running = play(open(100, 30, {recipes: [recipe]}), read(createSnapshot({backends}))).state;
    const {state, dataRequest} = pressed(press(running, '5', 'g'), key('enter'));
    expect(screenOf(press(dataLoaded(state, dataRequest), 'enter'))).toMatch(/role\* +shop_app/);
  });

  it('are read afresh for the plan, which is made of them', () => {
    const planned: [ParameterValues, RecipeData][] = [];
    const opened = pressed(start(needing(planned)), key('enter'));
    const form = press(dataLoaded(opened.state, opened.dataRequest), 'enter');
    const asked = pressed(form, key('enter'));
    expect(asked.dataRequest?.needs).toEqual({answers: {roles: {...query, values: ['shop_app']}}});
    expect(screenOf(asked.state)).toContain('for the plan; Esc cancels');
    expect(asked.state.wizard?.stage).toBe('parameters');
    const fresh: RecipeData = {answers: {roles: [{role: 'web_app'}]}};
    const preview = dataLoaded(asked.state, asked.dataRequest, fresh);
    expect(preview.wizard?.stage).toBe('preview');
    expect(planned).toEqual([[{limit: '9', role: 'web_app', mode: 'fast'}, fresh]]);
  });

  it('are no longer waited for after Esc, or when a parameter is changed', () => {
    const planned: [ParameterValues, RecipeData][] = [];
    const opened = pressed(start(needing(planned)), key('enter'));
    const form = press(dataLoaded(opened.state, opened.dataRequest), 'enter');
    for (const name of ['escape', '1']) {
      const asked = pressed(form, key('enter'));
      const left = press(asked.state, name);
      expect(left.wizard?.stage).toBe('parameters');
      expect(screenOf(left)).not.toContain('reading');
      expect(dataLoaded(left, asked.dataRequest)).toBe(left);
    }
    expect(planned).toEqual([]);
  });

  it('that cannot be read are reported where they are needed, and can be requested again', () => {
    const opened = pressed(start(needing()), key('enter'));
    const form = press(dataLoaded(opened.state, opened.dataRequest), 'enter');
    const asked = pressed(form, key('enter'));
    if (asked.dataRequest === null) throw new Error('nothing was asked for');
    const message = 'permission denied for table orders';
    const failed = play(asked.state, {kind: 'data-failed', dataRequest: asked.dataRequest, message}).state;
    expect(screenOf(failed)).toContain(message);
    expect(pressed(failed, key('enter')).dataRequest).not.toBeNull();
  });

  it('are read again when a file was named, and its defaults replace those before', () => {
    const file: Parameter = {name: 'file', description: 'from which', kind: 'path', default: ''};
    const recipe = needing([], {
      parameters: [file, ...parameters],
      defaults: (_, {answers}) => {
        const role = answers?.roles?.[0]?.role;
        return role === undefined ? {} : {role: String(role)};
      },
    });
    const opened = pressed(start(recipe), key('enter'));
    const form = press(dataLoaded(opened.state, opened.dataRequest), 'enter');
    expect(pressed(form, key('down')).dataRequest).toBeNull();
    const left = pressed(press(form, 'x'), key('down'));
    expect(left.state.wizard?.stage).toBe('parameters');
    const other = dataLoaded(left.state, left.dataRequest, {answers: {roles: [{role: 'web_app'}]}});
    expect(screenOf(other)).toMatch(/role\* +web_app/);
    const again = pressed(press(other, 'up', 'y'), key('down'));
    const none = dataLoaded(again.state, again.dataRequest, {answers: {roles: []}});
    expect(screenOf(none)).not.toContain('web_app');
  });

  it('come first where a recipe without parameters is planned', () => {
    const recipe = needing([], {parameters: [], defaults: () => ({})});
    const opened = pressed(start(recipe), key('enter'));
    const asked = pressed(dataLoaded(opened.state, opened.dataRequest), key('enter'));
    expect(dataLoaded(asked.state, asked.dataRequest).wizard?.stage).toBe('preview');
  });
});

describe('parameters', () => {
  const form = press(start(createRecipe({parameters})), 'enter', 'enter');

  it('show a mistake beside them while typing, and are focused instead of planned with', () => {
    expect(screenOf(press(form, 'x'))).toMatch(/> limit +5x▏ {2}not a whole number/);
    const refused = press(form, 'x', 'down', 'r', 'enter');
    expect(refused.wizard).toMatchObject({stage: 'parameters', field: 0});
    expect(screenOf(refused)).toContain('limit: not a whole number');
  });

  it('mark those that must be set', () => {
    expect(screenOf(form)).toMatch(/role\* +\(not set\) {2}must be set/);
    expect(screenOf(press(form, 'enter'))).toMatch(/> role\*[\s\S]*role: must be set/);
  });

  it('cycle through their choices with left and right, in both directions', () => {
    const mode = press(form, 'up');
    expect(screenOf(mode)).toContain('← → choose');
    const values = (...keys: string[]) => press(mode, ...keys).wizard?.params.mode;
    expect(values('right')).toBe('safe');
    expect(values('right', 'right', 'right')).toBe('fast');
    expect(values('left')).toBe('dry');
  });

  it('are cycled through by the arrows only until a value is typed', () => {
    const mode = press(form, 'up');
    expect(press(mode, 'x', 'left', 'y').wizard?.params.mode).toBe('fastyx');
    expect(screenOf(press(mode, 'x'))).not.toContain('← → choose');
    expect(press(form, 'left', '1').wizard?.params.limit).toBe('15');
  });

  it('count as typed only once their text is changed', () => {
    const moved = press(form, 'home', 'end', 'left', 'ctrl-k', 'ctrl-u');
    expect(moved.wizard?.params).toEqual({limit: ''});
    expect(press(form, 'home', 'end', 'left', 'alt-f').wizard?.params).toEqual({});
  });

  it('cycle through the names seen on the server, too', () => {
    const suggest: Parameter['suggest'] = ({backends}) =>
      backends.map(({application_name}) => application_name);
    const role: Parameter = {name: 'application', description: '', kind: 'text', default: '', suggest};
    const backends = [createBackend({pid: 1, application_name: 'web'}), createBackend({pid: 2})];
    const seen = play(start(createRecipe({parameters: [role]})), read(createSnapshot({backends}))).state;
    const filled = press(seen, 'enter', 'enter', 'right');
    expect(filled.wizard?.params).toEqual({application: 'web'});
    expect(screenOf(press(filled, 'backspace'))).toContain('not found now; did you mean web?');
  });

  it('leave room for long names and keep the end of a long value in sight', () => {
    const name = 'idle_in_transaction_session_timeout';
    const long: Parameter[] = [{name, description: 'd', kind: 'text', default: `${'x'.repeat(80)}end`}];
    expect(screenOf(press(start(createRecipe({parameters: long})), 'enter', 'enter'))).toMatch(
      new RegExp(`> ${name} +…x+end▏`),
    );
  });
});

describe('facts diagnosisData in the background', () => {
  const watching = createRecipe({
    diagnoseRequires: {catalog: true},
    diagnose: (_, {catalog}) => (catalog ? [createFinding({summary: 'found in the catalog'})] : []),
  });
  const at = (second: number) =>
    read(
      createSnapshot({
        at: `2026-01-01T00:${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')}.000000Z`,
      }),
    );
  const asks = ({effects}: {effects: Effect[]}) =>
    effects.filter(({kind}) => kind === 'load-diagnosis-data').length;
  const opened = open(100, 30, {recipes: [watching]});

  it('are requested once a minute, not by the first snapshot, and not while paused', () => {
    expect(asks(play(opened, at(0)))).toBe(0);
    expect(asks(play(opened, at(0), at(1), at(2), at(59)))).toBe(1);
    expect(asks(play(opened, at(0), at(1), at(30), at(61)))).toBe(2);
    expect(asks(play(opened, at(0), key('p'), at(1), at(2)))).toBe(0);
    expect(asks(play(open(100, 30, {recipes: [createRecipe()]}), at(0), at(1)))).toBe(1);
  });

  it('are requested in part every 15 s while a finding rests on them, and replace only that part', () => {
    const harm = {kind: 'vacuum' as const, sessions: 0, share: 1, since: null};
    const finding = createRecipe({diagnose: () => [createFinding({harm})]});
    const {state, effects} = play(open(100, 30, {recipes: [finding]}), at(0), at(1), at(15), at(16), at(31));
    expect(effects.filter(({kind}) => kind === 'load-diagnosis-data')).toMatchObject([
      {due: 'all'},
      {due: 'facts', at_ms: Date.parse('2026-01-01T00:00:16Z')},
      {due: 'facts'},
    ]);
    // The session that held back vacuum may be gone with the restart.
    const lost: Message = {kind: 'lost', message: 'restarting', hint: null, retry_in_ms: 100};
    expect(asks(play(state, at(32)))).toBe(0);
    expect(asks(play(state, lost, at(33), at(34)))).toBe(1);
    const catalog = {} as NonNullable<RecipeData['catalog']>;
    const known = play(
      state,
      {kind: 'diagnosis-data', at_ms: 1, diagnosisData: {...noDiagnosisData, facts: {catalog}}},
      {kind: 'facts', at_ms: 2, facts: {sequences: []}, unread: []},
    ).state;
    expect(known.diagnosisData.facts).toEqual({catalog, sequences: []});
  });

  it('find what rests on them at once, and say in Recipes what could not be read', () => {
    const reading = play(opened, at(0)).state;
    expect(reading.findings).toEqual([]);
    const catalog = {} as NonNullable<RecipeData['catalog']>;
    const unread = [{fact: 'role_settings', reason: 'permission denied'}];
    const known = play(reading, {
      kind: 'diagnosis-data',
      at_ms: 0,
      diagnosisData: {...noDiagnosisData, facts: {catalog}, unread},
    }).state;
    expect(screenOf(press(known, '5'))).toMatch(
      /role settings could not be read.*permission denied[\s\S]*found in the catalog/,
    );
  });

  it('are no all-clear in the wizard before they are read, or where they could not be', () => {
    const guideAfter = (...messages: Message[]) =>
      screenOf(press(play(opened, ...messages).state, '5', 'g', 'enter'));
    const clear = 'nothing found';
    const before = guideAfter(at(0));
    expect(before).toContain('not checked yet');
    expect(before).not.toContain(clear);
    const unread = [{fact: 'catalog', reason: 'permission denied'}];
    const failed = guideAfter(at(0), at(1), {
      kind: 'diagnosis-data',
      at_ms: 0,
      diagnosisData: {...noDiagnosisData, unread},
    });
    expect(failed).toContain('could not check: permission denied');
    expect(failed).not.toContain(clear);
    expect(
      guideAfter(at(0), at(1), {kind: 'diagnosis-data', at_ms: 0, diagnosisData: noDiagnosisData}),
    ).toContain(clear);
  });

  it('leave the other recipes where the diagnosis of one fails', () => {
    const broken = createRecipe({
      id: 'broken',
      diagnose: () => {
        throw new Error('no such column');
      },
    });
    const sound = createRecipe({findings: () => [createFinding({summary: 'found all the same'})]});
    const state = play(open(100, 30, {recipes: [broken, sound]}), at(0)).state;
    expect(screenOf(press(state, '5'))).toMatch(
      /broken could not diagnose: no such column[\s\S]*found all the same/,
    );
  });

  it('are read again after a run', () => {
    const asked = play(opened, at(0), at(1)).state;
    const run = {phase: 'ended', steps: []} as unknown as Extract<Message, {kind: 'run'}>['run'];
    expect(asks(play(asked, {kind: 'run', run}, at(2)))).toBe(1);
  });
});
