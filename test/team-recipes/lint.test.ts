import {mkdir, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {lintFolder} from '../../source/team-recipes/lint.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';

const head = '---\ntitle: t\nwhy: w\n---\n';
const diagnose =
  "```sql diagnose\nSELECT 'a' AS subject, 's' AS summary, 'warning' AS severity, 1 AS size\n```\n";
const verify = '```sql verify\nSELECT true\n```\n';
const undo = '```sql undo\nSELECT 2\n```\n';
const plan = (sql: string, options = 'lock=none') => `\`\`\`sql plan ${options}\n${sql}\n\`\`\`\n`;

/** `line: message` of each mistake in a recipe. */
async function mistakes(text: string, name = 'a-recipe.md', taken: string[] = []): Promise<string[]> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), text);
  const {files, problems} = await lintFolder(folder, taken);
  expect(files).toBe(1);
  expect(problems.every(({file}) => file === join(folder, name))).toBe(true);
  return problems.map(({line, message}) => `${line}: ${message}`);
}

const parameter = (yaml: string) =>
  `---\ntitle: t\nwhy: w\nparameters:\n  least:\n    description: d\n${yaml}---\n\`\`\`sql diagnose\nSELECT $least AS subject, '' AS summary, 'warning' AS severity\n\`\`\`\n`;

describe('a mistake in a Markdown recipe is reported with its line:', () => {
  it.each<[string, string, string[]]>([
    ['no mistake: advice', head + diagnose, []],
    ['no mistake: a plan with an undo', head + diagnose + plan('SELECT $size') + verify + undo, []],
    [
      'no mistake: an irreversible plan',
      head + diagnose + plan('SELECT 1', 'irreversible once lock=share timeout=2min') + verify,
      [],
    ],
    ['an example for people is prose', `${head}${diagnose}\`\`\`sql\nSELECT oops oops\n\`\`\`\n`, []],
    ['no front matter', diagnose, ['1: the file must begin with title and why between two lines of ---']],
    ['no title', `---\nwhy: w\n---\n${diagnose}`, ['1: title is missing']],
    [
      'an unknown key',
      `---\ntitle: t\nwhy: w\nparametres: {}\n---\n${diagnose}`,
      ['4: unknown key "parametres": did you mean "parameters"?'],
    ],
    [
      'invalid YAML',
      `---\ntitle: [t\nwhy: w\n---\n${diagnose}`,
      ['3: invalid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    [
      'an invalid type',
      parameter('    type: duraton\n'),
      ['7: invalid type "duraton": did you mean "duration"?'],
    ],
    [
      'an invalid default',
      parameter('    type: duration\n    default: soon\n'),
      ['8: default: least=soon is not a duration'],
    ],
    ['no mistake: an empty default', parameter('    type: duration\n    default:\n'), []],
    ['no choices', parameter('    type: choice\n'), ['5: type choice needs choices: [one, another]']],
    [
      'a default that is not a choice',
      parameter('    type: choice\n    choices: [a, b]\n    default: c\n'),
      ['9: default: least: no "c"'],
    ],
    ['no diagnosis', `${head}Just text.\n`, ['1: missing block "sql diagnose"']],
    [
      'an unknown block',
      `${head}${diagnose}${plan('SELECT 1')}\`\`\`sql verfy\nSELECT true\n\`\`\`\n${undo}`,
      ['8: plan needs a block "sql verify"', '11: unknown block "sql verfy": did you mean "verify"?'],
    ],
    [
      'a second plan',
      head + diagnose + plan('SELECT 1') + plan('SELECT 1') + verify + undo,
      ['11: duplicate block: a recipe has one plan'],
    ],
    [
      'no undo',
      head + diagnose + plan('SELECT 1') + verify,
      [
        '8: plan needs a block "sql undo", or the option irreversible, or undo-unneeded if there is nothing to undo',
      ],
    ],
    [
      'irreversible and undo-unneeded',
      head + diagnose + plan('SELECT 1', 'undo-unneeded irreversible lock=none') + verify,
      ['8: irreversible and undo-unneeded cannot be used together'],
    ],
    [
      'irreversible and an undo',
      head + diagnose + plan('SELECT 1', 'irreversible lock=none') + verify + undo,
      ['8: irreversible and an undo block cannot be used together'],
    ],
    [
      'no lock',
      head + diagnose + plan('SELECT 1', 'once') + verify + undo,
      ['8: plan needs its lock: lock=none, lock=share or lock=exclusive'],
    ],
    [
      'an unknown lock',
      head + diagnose + plan('SELECT 1', 'lock=all') + verify + undo,
      ['8: plan needs its lock: lock=none, lock=share or lock=exclusive'],
    ],
    [
      'an unknown option',
      head + diagnose + plan('SELECT 1', 'lock=none no-transation') + verify + undo,
      ['8: unknown option "no-transation": did you mean "no-transaction"?'],
    ],
    ['a verify without a plan', head + diagnose + verify, ['8: verify without a plan']],
    [
      'an unused parameter',
      `---\ntitle: t\nwhy: w\nparameters:\n  least:\n    description: d\n---\n${diagnose}`,
      ['5: unused parameter "least"'],
    ],
    [
      'an unknown parameter',
      `${head}\`\`\`sql diagnose\nSELECT 'a' AS subject, '' AS summary,\n  'warning' AS severity WHERE $least\n\`\`\`\n`,
      ['7: unknown parameter "least"'],
    ],
    [
      'an unknown column',
      head + diagnose + plan('SELECT 1,\n  $sise') + verify + undo,
      ['10: "sise" is neither a parameter nor a column of the diagnosis: did you mean "size"?'],
    ],
    [
      'a column in a plan that runs once',
      head + diagnose + plan('SELECT $size', 'once lock=none') + verify + undo,
      ['9: unknown parameter "size"'],
    ],
    [
      'a diagnosis without its columns',
      `${head}\`\`\`sql diagnose\nSELECT 1 AS subject, now()\n\`\`\`\n`,
      ['6: the diagnosis must return a column "summary"', '6: the diagnosis must return a column "severity"'],
    ],
    [
      'a diagnosis that writes',
      `${head}\`\`\`sql diagnose\nDELETE FROM t\n\`\`\`\n`,
      ['6: a diagnosis must be a SELECT'],
    ],
    [
      'a diagnosis that writes in a WITH',
      `${head}\`\`\`sql diagnose\nWITH d AS (DELETE FROM t RETURNING id)\nSELECT id AS subject, '' AS summary, 'warning' AS severity FROM d\n\`\`\`\n`,
      ['6: a diagnosis must only read: this one writes or locks'],
    ],
    [
      'an invalid severity',
      `${head}\`\`\`sql diagnose\nSELECT 'ä' AS subject, '' AS summary,\n  CASE WHEN a THEN 'critical'\n  ELSE 'info' END AS severity FROM t\nUNION ALL SELECT 'b', '', 'WARNING'\n\`\`\`\n`,
      [
        '8: invalid severity "info": use warning or critical',
        '9: invalid severity "WARNING": use warning or critical',
      ],
    ],
    [
      'a parameter within quotes',
      parameter('    default: a\n').replace("''", "':least'"),
      ["10: ':least' is a string constant: write :'least' or $least"],
    ],
    [
      'a column within quotes, and a text that is no name',
      head + diagnose + plan("SELECT $size,\n  ':size', ':other'") + verify + undo,
      ["10: ':size' is a string constant: write :'size' or $size"],
    ],
    [
      'an unclosed block',
      `${head + diagnose}\`\`\`sql plan irreversible lock=none\nSELECT 1\n\nMore.\n`,
      ['8: unclosed block: end it with a fence on a line of its own', '8: plan needs a block "sql verify"'],
    ],
    [
      'invalid SQL',
      `${head}\`\`\`sql diagnose\nSELECT 1\nFORM t\n\`\`\`\n`,
      ['7: syntax error at or near "t"'],
    ],
    [
      'a parameter in a utility statement',
      head + diagnose + plan('ALTER TABLE t\n  SET (fillfactor = $size)') + verify + undo,
      ['10: $size is not possible here: write :\'size\', or :"size" for an identifier'],
    ],
    [
      'a diagnosis with side effects',
      `${head}\`\`\`sql diagnose\nSELECT 'a' AS subject, '' AS summary, 'warning' AS severity,\n  pg_catalog.pg_terminate_backend(pid), set_config('a', 'b', false) FROM pg_stat_activity\n\`\`\`\n`,
      ['6: pg_terminate_backend() does more than read', '6: set_config() does more than read'],
    ],
    [
      'an undeclared function of the database',
      `${head}\`\`\`sql diagnose\nSELECT app.one() AS subject, '' AS summary, 'warning' AS severity FROM app.two(1)\n\`\`\`\n`,
      [
        '6: undeclared function app.one: add functions: [app.one] to the front matter',
        '6: undeclared function app.two: add functions: [app.two] to the front matter',
      ],
    ],
    [
      'a verify that has side effects or locks rows',
      head +
        diagnose +
        plan('SELECT $size') +
        verify.replace(/SELECT[^`]*/, 'SELECT pg_cancel_backend(1) FROM t FOR UPDATE\n') +
        undo,
      ['12: verify must only read: this one writes or locks', '12: pg_cancel_backend() does more than read'],
    ],
    [
      'functions that are not a list',
      `${head.replace('why:', 'functions: app.one\nwhy:')}${diagnose}`,
      ['3: functions must be a list of strings: ["...", "..."]'],
    ],
    [
      'a function without its schema',
      `${head.replace('why:', 'functions: [one]\nwhy:')}${diagnose}`,
      ['3: function "one" must be schema.name'],
    ],
    [
      'two statements',
      head + diagnose + plan('SELECT 1;\nSELECT 2') + verify + undo,
      ['10: a block may contain only one statement'],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await mistakes(text)).toEqual(expected);
  });

  it('the name of the file', async () => {
    expect(await mistakes(head + diagnose, 'Über.md')).toEqual([
      '1: the file name "Über" must be in kebab-case',
    ]);
    expect(await mistakes(head + diagnose, 'one.md', ['one'])).toEqual([
      '1: duplicate recipe "one": rename the file',
    ]);
  });

  it('README.md, subfolders and other files are ignored; a missing folder is reported', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'more.md'));
    for (const name of ['README.md', 'notes.txt', 'types.d.ts', 'a.test.ts'])
      await writeFile(join(folder, name), '');
    await expect(lintFolder(folder, [])).rejects.toMatchObject({
      message: `no recipes in ${folder}`,
      exitCode: 2,
    });
    await expect(lintFolder(join(folder, 'none'), [])).rejects.toMatchObject({exitCode: 2});
  });
});

describe('a recipe in TypeScript', () => {
  const recipe = (rest: string) =>
    `import {defineRecipe} from 'poolctl';\nexport default defineRecipe({id: 'a-recipe', title: 't', summary: 's', parameters: [], ${rest}});\n`;

  it.each<[string, string, string[]]>([
    ['nothing', recipe('diagnose: (): never[] => []'), []],
    [
      'invalid TypeScript',
      'const a = 1;\nconst b: number = ;\n',
      [expect.stringMatching(/^2: cannot be loaded: Unexpected token/)] as unknown as string[],
    ],
    ['its own error', "\nthrow new Error('not today');\n", ['2: cannot be loaded: not today']],
    ['no export', 'export const a = 1;\n', ['1: no recipe exported: export default defineRecipe({...})']],
    [
      'another id',
      recipe('diagnose: () => []').replace('a-recipe', 'b'),
      ['1: id "b" must be the name of the file, "a-recipe"'],
    ],
    [
      'an invalid parameter',
      recipe('diagnose: () => []').replace(
        '[]',
        "[{name: 'Older', description: 'd', kind: 'text', default: ''}]",
      ),
      ['1: a parameter needs name (snake_case), description, kind and default'],
    ],
    ['no diagnosis function', recipe('diagnose: 1 as never'), ['1: diagnose must be a function']],
    ['no plan function', recipe('diagnose: () => [], plan: 1 as never'), ['1: plan must be a function']],
  ])('%s', async (_, text, expected) => {
    expect(await mistakes(text, 'a-recipe.ts')).toEqual(expected);
  });
});

it('reports a name that is no regular file, without waiting for a pipe', async () => {
  const folder = await temporaryFolder();
  await symlink('/dev/null', join(folder, 'device.md'));
  await symlink('missing', join(folder, 'broken.ts'));
  const {problems} = await lintFolder(folder, []);
  expect(problems.map(({message}) => message)).toEqual(['cannot be read: ENOENT', 'not a regular file']);
});
