import process from 'node:process';
import {AbortError} from '../../core/errors.ts';
import {endpointFiles} from '../../scan/endpoint-files.ts';
import {scanDirectory} from '../../scan/scan-directory.ts';
import type {ScanAnswer, ScanTask} from './scan-process.ts';

/** The program of the process that scans for the console: once, then it ends, or with its parent. */
process.once('message', async (task: ScanTask) => {
  const answer = await scan(task).catch(
    (error): ScanAnswer => ({
      problem: error instanceof Error ? error.message : String(error),
      isBug: !(error instanceof AbortError),
    }),
  );
  process.send?.(answer, () => process.exit(0));
});
process.once('disconnect', () => process.exit(0));
// The parent handles Ctrl-C and ends this process when it is done.
process.on('SIGINT', () => {});

async function scan({directory, statements}: ScanTask): Promise<ScanAnswer> {
  const report = await scanDirectory(directory, [], statements);
  return {report, endpoint_files: endpointFiles(directory)};
}
