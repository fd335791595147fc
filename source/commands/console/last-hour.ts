import type {CliContext} from '../../cli/context.ts';
import type {PastPort} from '../../console/ports.ts';
import type {SampleEvent, SnapshotBuffer} from '../../model/ports.ts';
import type {Severity} from '../../model/recipe.ts';

const hourMs = 3_600_000;
/** Ten times the size of an hour with 200 sessions. */
const maxBytes = 24 * 1024 * 1024;
/** The buffer's module is loaded after this many snapshots, so that it does not delay the first frame. */
const snapshotsBeforeLoading = 3;

/** Keeps the last hour of a live console in memory. */
export function createLastHour({cwd}: CliContext): PastPort {
  const waiting: [SampleEvent, Severity | null][] = [];
  let buffer: SnapshotBuffer | null = null;
  let loading: Promise<SnapshotBuffer> | null = null;
  const load = () => {
    loading ??= import('../../recording/recording.ts').then(({createSnapshotBuffer}) => {
      const loaded = createSnapshotBuffer({
        max_ms: hourMs,
        max_bytes: maxBytes,
        fileFor: target => `${cwd}/${fileNameOf(target, new Date())}`,
      });
      for (const [event, severity] of waiting.splice(0)) addTo(loaded, event, severity);
      buffer = loaded;
      return loaded;
    });
    return loading;
  };
  return {
    async recording() {
      const loaded = await load();
      // The recording must contain the snapshot on the screen.
      await loaded.flushed();
      return loaded;
    },
    record(event, severity) {
      if (buffer !== null) return addTo(buffer, event, severity);
      waiting.push([event, severity]);
      // If an upgrade of poolctl removed the module, there is no recording, and `recording` rejects.
      if (waiting.length >= snapshotsBeforeLoading) load().catch(() => waiting.splice(0));
    },
    write: async file => (await load()).save(file),
  };
}

function addTo(buffer: SnapshotBuffer, event: SampleEvent, severity: Severity | null): void {
  if (event.kind === 'snapshot') buffer.add(event.snapshot, severity);
  else buffer.addFailure({at_ms: Date.now(), message: event.message});
}

/** `poolctl-db.example-shop-20261121T140320Z.poolctl`. */
function fileNameOf(target: string, now: Date): string {
  const where = target.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  return `poolctl-${where}-${now.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z.poolctl`;
}
