import type {planDocument, runDocument} from '../../source/cli/execution/render-plan.ts';
import type {reportDocument} from '../../source/commands/report/render-json.ts';
import type {rollbackDocument} from '../../source/commands/rollout/render-rollout.ts';
import type {snapshotDocument} from '../../source/commands/snapshot/command.ts';
import type {ApplicationHealth} from '../../source/core/health/applications.ts';
import type {Comparison} from '../../source/core/health/baseline.ts';
import type {Health} from '../../source/core/health/health.ts';
import type {WatchedHealth} from '../../source/core/health/watching.ts';
import type {JournalEntry} from '../../source/model/journal-entry.ts';
import type {Preflight} from '../../source/model/preflight.ts';
import type {ScanReport} from '../../source/model/scan-report.ts';

/** The documents of docs/schemas/, one file each, by the types of what prints them. */
export type Documents = {
  check: Health &
    Partial<Pick<WatchedHealth, 'watch'>> & {baseline?: Comparison; applications?: ApplicationHealth[]};
  snapshot: ReturnType<typeof snapshotDocument>;
  plan: ReturnType<typeof planDocument>;
  run: ReturnType<typeof runDocument>;
  rollout: Omit<ReturnType<typeof rollbackDocument>, 'rolls_back'> & {rolls_back?: string[]};
  report: ReturnType<typeof reportDocument>;
  scan: ScanReport;
  'journal-entry': JournalEntry;
  preflight: Preflight;
};
