import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {failing, runProgram, temporaryHome} from '../../cli/run-program.ts';

it('judges a migration from its text alone', async () => {
  const home = await temporaryHome();
  await writeFile(join(home, 'm.sql'), 'ALTER TABLE t ADD a int;\nCREATE INDEX i ON t (a);\n');
  const text = await runProgram(['preflight', 'm.sql'], {home});
  expect(text).toMatchObject({code: 1, stderr: ''});
  expect(text.stdout).toContain('UNSAFE  line 2  CREATE INDEX i ON t (a)\n  SHARE on t: blocks writes\n');
  expect(text.stdout).toContain('    CREATE INDEX CONCURRENTLY i ON t (a);\n');
  const {code, stdout} = await runProgram(['preflight', 'm.sql', '--json'], {home});
  expect([code, JSON.parse(stdout)]).toMatchObject([
    1,
    {
      schema_version: 1,
      file: 'm.sql',
      verdict: 'unsafe',
      target: null,
      statements: [{holders: null}, {line: 2}],
    },
  ]);
  await writeFile(join(home, 'safe.sql'), 'ALTER TABLE t ADD a int;');
  expect(await runProgram(['preflight', 'safe.sql'], {home})).toMatchObject({code: 0});
  await writeFile(join(home, 'bad.sql'), 'SELECT 1;\n\nALTER TABL t;');
  expect(await failing(['preflight', 'bad.sql'], {home})).toEqual([
    2,
    'poolctl: bad.sql, line 3: not valid SQL: syntax error at or near "TABL"\n',
  ]);
});
