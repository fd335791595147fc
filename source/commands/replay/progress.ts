import type {CliContext} from '../../cli/context.ts';
import {formatCount} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ReplayResult} from '../../model/replay-report.ts';
import type {BenchmarkOptions} from '../../replay/measure/benchmark.ts';

/** Progress on stderr: one changing line on a terminal, one line per measurement in a log. */
export function createProgress({
  stderr,
  output,
}: CliContext): Required<Pick<BenchmarkOptions, 'onCase' | 'onProgress' | 'onResult'>> & {end(): void} {
  const isLive = stderr.isTTY === true;
  let head = '';
  const show = (text: string) => stderr.write(`\r\u001b[K${sanitise(text)}`);
  return {
    onCase({variant, connection_limit, concurrency}, {index, of}) {
      head = `poolctl replay: ${index + 1}/${of} ${variant.name}, connection_limit ${connection_limit}, ${concurrency} users`;
      if (isLive) show(head);
      else output.stderr(sanitise(head));
    },
    onProgress(_, {elapsed_ms, requests, failed}) {
      if (!isLive) return;
      const errors = failed === 0 ? '' : `, ${formatCount(failed)} errors`;
      show(`${head}: ${formatCount((requests * 1000) / elapsed_ms)} requests/s${errors}`);
    },
    onResult: (_: ReplayResult) => {},
    end() {
      if (isLive) stderr.write('\r\u001b[K');
    },
  };
}
