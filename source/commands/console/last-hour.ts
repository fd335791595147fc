import type {CliContext} from '../../cli/context.ts';
import type {PastPort} from '../../console/console.ts';
import type {Severity} from '../../model/finding.ts';
import type {SampleEvent} from '../../model/ports.ts';
import type {SnapshotBuffer} from '../../model/recording.ts';

const hourMs = 3_600_000;
/** Ten times the size of an hour with 200 sessions. */
const mostBytes = 24 * 1024 * 1024;
/** The recorder is loaded after this many snapshots, so that the first frame and keys come first. */
const readingsBefore = 3;

/** The last hour of a live console, in memory. */
export function createLastHour({cwd}: CliContext): PastPort {
  const waiting: [SampleEvent, Severity | null][] = [];
  let tape: SnapshotBuffer | null = null;
  let loading: Promise<SnapshotBuffer> | null = null;
  const load = () => {
    loading ??= import('../../recording/snapshot-buffer.ts').then(({createSnapshotBuffer}) => {
      const loaded = createSnapshotBuffer({
        most_ms: hourMs,
        most_bytes: mostBytes,
        fileFor: target => `${cwd}/${fileNameOf(target, new Date())}`,
      });
      for (const [reading, severity] of waiting.splice(0)) keepOn(loaded, reading, severity);
      tape = loaded;
      return loaded;
    });
    return loading;
  };
  return {
    async tape() {
      const loaded = await load();
      // The reading that is on the screen is one of those that are stepped through.
      await loaded.flushed();
      return loaded;
    },
    keep(reading, severity) {
      if (tape !== null) return keepOn(tape, reading, severity);
      waiting.push([reading, severity]);
      // An upgrade took the file away: there is no way back in time then, and `tape` says so.
      if (waiting.length >= readingsBefore) load().catch(() => waiting.splice(0));
    },
    writeOut: async file => (await load()).save(file),
  };
}

function keepOn(tape: SnapshotBuffer, reading: SampleEvent, severity: Severity | null): void {
  if (reading.kind === 'snapshot') tape.add(reading.snapshot, severity);
  else tape.addFailure({at_ms: Date.now(), message: reading.message});
}

/** `poolctl-db.example-shop-20261121T140320Z.poolctl`. */
function fileNameOf(target: string, now: Date): string {
  const where = target.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  return `poolctl-${where}-${now.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z.poolctl`;
}
