import {mkdir, writeFile} from 'node:fs/promises';
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

/** `line: message` of each mistake in a runbook. */
async function mistakes(text: string, name = 'a-runbook.md', taken: string[] = []): Promise<string[]> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), text);
  const {files, problems} = await lintFolder(folder, taken);
  expect(files).toBe(1);
  expect(problems.every(({file}) => file === join(folder, name))).toBe(true);
  return problems.map(({line, message}) => `${line}: ${message}`);
}

const parameter = (yaml: string) =>
  `---\ntitle: t\nwhy: w\nparameters:\n  least:\n    description: d\n${yaml}---\n\`\`\`sql diagnose\nSELECT $least AS subject, '' AS summary, 'warning' AS severity\n\`\`\`\n`;

describe('what is wrong with a runbook, by its line', () => {
  it.each<[string, string, string[]]>([
    ['nothing: advice', head + diagnose, []],
    ['nothing: it acts', head + diagnose + plan('SELECT $size') + verify + undo, []],
    [
      'nothing: it cannot be undone',
      head + diagnose + plan('SELECT 1', 'irreversible once lock=share timeout=2min') + verify,
      [],
    ],
    ['an example for people is prose', `${head}${diagnose}\`\`\`sql\nSELECT oops oops\n\`\`\`\n`, []],
    ['no front matter', diagnose, ['1: it does not begin with its title and why between two lines of ---']],
    ['no title', `---\nwhy: w\n---\n${diagnose}`, ['1: title is missing']],
    [
      'a wrong key',
      `---\ntitle: t\nwhy: w\nparametres: {}\n---\n${diagnose}`,
      ['4: unknown key "parametres": did you mean "parameters"?'],
    ],
    [
      'no YAML',
      `---\ntitle: [t\nwhy: w\n---\n${diagnose}`,
      ['3: invalid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    [
      'no such type',
      parameter('    type: duraton\n'),
      ['7: invalid type "duraton": did you mean "duration"?'],
    ],
    [
      'a default that is none',
      parameter('    type: duration\n    default: soon\n'),
      ['8: default: least=soon is not a duration'],
    ],
    ['nothing: an empty default', parameter('    type: duration\n    default:\n'), []],
    ['no choices', parameter('    type: choice\n'), ['5: type choice needs choices: [one, another]']],
    [
      'a choice that is none',
      parameter('    type: choice\n    choices: [a, b]\n    default: c\n'),
      ['9: default: least: no "c"'],
    ],
    [
      'no diagnosis',
      `${head}Just text.\n`,
      ['1: there is no sql block marked diagnose: what is wrong has to be seen first'],
    ],
    [
      'a mark that is none',
      `${head}${diagnose}${plan('SELECT 1')}\`\`\`sql verfy\nSELECT true\n\`\`\`\n${undo}`,
      [
        '8: a plan wants a verify: how is it seen that it worked?',
        '11: there is no mark "verfy": did you mean "verify"?',
      ],
    ],
    [
      'a second plan',
      head + diagnose + plan('SELECT 1') + plan('SELECT 1') + verify + undo,
      ['11: a second plan: a runbook has one'],
    ],
    [
      'no undo',
      head + diagnose + plan('SELECT 1') + verify,
      [
        '8: a plan wants an undo, or says irreversible (sql plan irreversible), or undo-unneeded where it leaves nothing to take back',
      ],
    ],
    [
      'an undo and no need of one',
      head + diagnose + plan('SELECT 1', 'undo-unneeded irreversible lock=none') + verify,
      ['8: it is irreversible and undo-unneeded: which is it?'],
    ],
    [
      'an undo and none',
      head + diagnose + plan('SELECT 1', 'irreversible lock=none') + verify + undo,
      ['8: it is irreversible and has an undo: which is it?'],
    ],
    [
      'no lock',
      head + diagnose + plan('SELECT 1', 'once') + verify + undo,
      ['8: a plan says what it locks for others: lock=none or lock=share or lock=exclusive'],
    ],
    [
      'a lock that is none',
      head + diagnose + plan('SELECT 1', 'lock=all') + verify + undo,
      ['8: a plan says what it locks for others: lock=none or lock=share or lock=exclusive'],
    ],
    [
      'an option that is none',
      head + diagnose + plan('SELECT 1', 'lock=none no-transation') + verify + undo,
      ['8: a plan has no "no-transation": did you mean "no-transaction"?'],
    ],
    ['a verify alone', head + diagnose + verify, ['8: verify without a plan']],
    [
      'a parameter nobody uses',
      `---\ntitle: t\nwhy: w\nparameters:\n  least:\n    description: d\n---\n${diagnose}`,
      ['5: parameter "least" is never used'],
    ],
    [
      'a parameter there is none of',
      `${head}\`\`\`sql diagnose\nSELECT 'a' AS subject, '' AS summary,\n  'warning' AS severity WHERE $least\n\`\`\`\n`,
      ['7: there is no parameter "least"'],
    ],
    [
      'a column there is none of',
      head + diagnose + plan('SELECT 1,\n  $sise') + verify + undo,
      ['10: "sise" is neither a parameter nor a column of the diagnosis: did you mean "size"?'],
    ],
    [
      'a column where there are no rows',
      head + diagnose + plan('SELECT $size', 'once lock=none') + verify + undo,
      ['9: there is no parameter "size"'],
    ],
    [
      'a diagnosis without its columns',
      `${head}\`\`\`sql diagnose\nSELECT 1 AS subject, now()\n\`\`\`\n`,
      ['6: the diagnosis returns no column "summary"', '6: the diagnosis returns no column "severity"'],
    ],
    [
      'a diagnosis that changes',
      `${head}\`\`\`sql diagnose\nDELETE FROM t\n\`\`\`\n`,
      ['6: a diagnosis is a SELECT'],
    ],
    [
      'a diagnosis that changes on its way',
      `${head}\`\`\`sql diagnose\nWITH d AS (DELETE FROM t RETURNING id)\nSELECT id AS subject, '' AS summary, 'warning' AS severity FROM d\n\`\`\`\n`,
      ['6: a diagnosis only reads: this one writes or locks'],
    ],
    [
      'a severity that is none',
      `${head}\`\`\`sql diagnose\nSELECT 'ä' AS subject, '' AS summary,\n  CASE WHEN a THEN 'critical'\n  ELSE 'info' END AS severity FROM t\nUNION ALL SELECT 'b', '', 'WARNING'\n\`\`\`\n`,
      [
        '8: there is no severity "info": it is warning or critical',
        '9: there is no severity "WARNING": it is warning or critical',
      ],
    ],
    [
      'a parameter within quotes',
      parameter('    default: a\n').replace("''", "':least'"),
      ["10: ':least' is that very text, not least: write :'least' or $least"],
    ],
    [
      'a column within quotes, and a text that is no name',
      head + diagnose + plan("SELECT $size,\n  ':size', ':other'") + verify + undo,
      ["10: ':size' is that very text, not size: write :'size' or $size"],
    ],
    [
      'a block that nothing closes',
      `${head + diagnose}\`\`\`sql plan irreversible lock=none\nSELECT 1\n\nMore.\n`,
      [
        '8: this block is never closed: end it with a fence of its own',
        '8: a plan wants a verify: how is it seen that it worked?',
      ],
    ],
    [
      'SQL that is none',
      `${head}\`\`\`sql diagnose\nSELECT 1\nFORM t\n\`\`\`\n`,
      ['7: syntax error at or near "t"'],
    ],
    [
      'a parameter where none can stand',
      head + diagnose + plan('ALTER TABLE t\n  SET (fillfactor = $size)') + verify + undo,
      ['10: no parameter can stand here: write :\'size\' for $size, or :"size" where it is a name'],
    ],
    [
      'a diagnosis that acts',
      `${head}\`\`\`sql diagnose\nSELECT 'a' AS subject, '' AS summary, 'warning' AS severity,\n  pg_catalog.pg_terminate_backend(pid), set_config('a', 'b', false) FROM pg_stat_activity\n\`\`\`\n`,
      [
        '6: it only reads, and pg_terminate_backend() does more',
        '6: it only reads, and set_config() does more',
      ],
    ],
    [
      'a function of the database that is not named',
      `${head}\`\`\`sql diagnose\nSELECT app.one() AS subject, '' AS summary, 'warning' AS severity FROM app.two(1)\n\`\`\`\n`,
      [
        '6: it calls app.one: name it in the front matter, functions: [app.one]',
        '6: it calls app.two: name it in the front matter, functions: [app.two]',
      ],
    ],
    [
      'a verify that acts or locks',
      head +
        diagnose +
        plan('SELECT $size') +
        verify.replace(/SELECT[^`]*/, 'SELECT pg_cancel_backend(1) FROM t FOR UPDATE\n') +
        undo,
      [
        '12: a verify only reads: this one writes or locks',
        '12: it only reads, and pg_cancel_backend() does more',
      ],
    ],
    [
      'functions that are no list of names',
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
      ['10: one statement a block: this is a second one'],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await mistakes(text)).toEqual(expected);
  });

  it('the name of the file', async () => {
    expect(await mistakes(head + diagnose, 'Über.md')).toEqual(['1: "Über": name the file in kebab-case']);
    expect(await mistakes(head + diagnose, 'one.md', ['one'])).toEqual([
      '1: there is another recipe "one": name the file otherwise',
    ]);
  });

  it('README.md, subfolders and other files are left out; no folder is told', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'more.md'));
    for (const name of ['README.md', 'notes.txt', 'types.d.ts', 'a.test.ts'])
      await writeFile(join(folder, name), '');
    await expect(lintFolder(folder, [])).rejects.toMatchObject({
      message: `no recipe in ${folder}`,
      exitCode: 2,
    });
    await expect(lintFolder(join(folder, 'none'), [])).rejects.toMatchObject({exitCode: 2});
  });
});

describe('a recipe in TypeScript', () => {
  const recipe = (rest: string) =>
    `import {defineRecipe} from 'poolctl';\nexport default defineRecipe({id: 'a-runbook', title: 't', summary: 's', parameters: [], ${rest}});\n`;

  it.each<[string, string, string[]]>([
    ['nothing', recipe('diagnose: (): never[] => []'), []],
    [
      'no TypeScript',
      'const a = 1;\nconst b: number = ;\n',
      [expect.stringMatching(/^2: it cannot be loaded: Unexpected token/)] as unknown as string[],
    ],
    ['its own error', "\nthrow new Error('not today');\n", ['2: it cannot be loaded: not today']],
    ['no export', 'export const a = 1;\n', ['1: it exports no recipe: export default defineRecipe({...})']],
    [
      'another id',
      recipe('diagnose: () => []').replace('a-runbook', 'b'),
      ['1: its id is "b": it is to be the name of its file, "a-runbook"'],
    ],
    [
      'a parameter that is none',
      recipe('diagnose: () => []').replace(
        '[]',
        "[{name: 'Older', description: 'd', kind: 'text', default: ''}]",
      ),
      ['1: a parameter wants name (snake_case), description, kind and default'],
    ],
    ['no diagnosis', recipe('diagnose: 1 as never'), ['1: its diagnose is no function']],
    ['no plan', recipe('diagnose: () => [], plan: 1 as never'), ['1: its plan is no function']],
  ])('%s', async (_, text, expected) => {
    expect(await mistakes(text, 'a-runbook.ts')).toEqual(expected);
  });
});
