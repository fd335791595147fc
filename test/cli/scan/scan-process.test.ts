import {execFileSync} from 'node:child_process';
import {cp, mkdir, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect, test} from 'vitest';
import {scanInProcess} from '../../../source/cli/scan/scan-process.ts';
import {temporaryFolder} from '../execution/acting.ts';

const fixture = fileURLToPath(new URL('../../fixtures/scan-app', import.meta.url));

test('scans in another process, joins statements, and finds the files that replay an endpoint', async () => {
  const directory = join(await temporaryFolder(), 'app');
  await cp(fixture, directory, {recursive: true});
  const files = {
    'rbac.endpoint.ts':
      "export default defineEndpoint({route: 'GET /api/rbac/users', samples: [{}], variants: []});",
    'get-api-users.sql': '-- @endpoint GET /api/users\nSELECT 1;',
    'other.sql': 'SELECT 1;',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  // What only looks like such a file.
  await mkdir(join(directory, 'folder.sql'));
  await symlink('/nowhere', join(directory, 'gone.sql'));
  execFileSync('mkfifo', [join(directory, 'pipe.sql')]);
  const outside = join(await temporaryFolder(), 'outside.sql');
  await writeFile(outside, '-- @endpoint GET /outside\n');
  await symlink(outside, join(directory, 'link.sql'));
  await writeFile(join(directory, 'dump.sql'), `-- @endpoint GET /dump\n${'SELECT 1;\n'.repeat(150_000)}`);
  // Root reads it nevertheless.
  await writeFile(join(directory, 'secret.ts'), 'export {};', {mode: 0});
  const statements = [
    {query: 'SELECT "public"."User"."id" FROM "public"."User"', calls: 7, total_exec_time_ms: 9},
  ];
  const {report, endpoint_files} = await scanInProcess({directory, statements});
  expect(report.endpoints).toHaveLength(18);
  expect(endpoint_files).toEqual({
    'GET /api/rbac/users': join(directory, 'rbac.endpoint.ts'),
    'GET /api/users': join(directory, 'get-api-users.sql'),
  });
});

test('says why it cannot scan', async () => {
  await expect(scanInProcess({directory: '/nowhere', statements: null})).rejects.toThrow(
    '/nowhere is not a directory',
  );
});

test('ends the scan with this process, however busy it is', async () => {
  const before = new Set(process.listeners('exit'));
  const added = () => process.listeners('exit').filter(listener => !before.has(listener));
  const scanning = scanInProcess({directory: fixture, statements: null});
  for (const listener of added()) listener.call(process, 0);
  await expect(scanning).rejects.toThrow('the scan ended with SIGKILL');
  expect(added()).toEqual([]);
});
