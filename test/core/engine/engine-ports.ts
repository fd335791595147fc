import {createHash} from 'node:crypto';
import type {JournalDraft, JournalEntry} from '../../../source/model/journal-entry.ts';
import type {EnginePorts} from '../../../source/model/ports.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import type {SlotUsage} from '../../../source/model/run.ts';
import type {Step} from '../../../source/model/step.ts';

/** Engine ports that behave as given and record every call in `calls`. */
export function createPorts(overrides: Partial<PortBehaviour> = {}) {
  const behaviour: PortBehaviour = {
    apply: async () => 1,
    verify: async () => true,
    append: async () => {},
    slots: async () => slotUsage(7),
    recheck: undefined,
    ...overrides,
  };
  const calls: string[] = [];
  let time = 0;
  const note = (text: string) => calls.push(text);
  const ports: EnginePorts = {
    executor: {
      bind: () => {},
      async apply({
        apply: {
          values: [pid],
        },
      }) {
        note(`apply ${pid}`);
        return {row_count: await behaviour.apply(Number(pid)), rows: []};
      },
      async verify({
        query: {
          values: [pid],
        },
      }) {
        note(`verify ${pid}`);
        return behaviour.verify(Number(pid));
      },
      read: async () => [],
      cancel: async () => {},
      close: async () => void note('close'),
    },
    journal: {
      file: 'memory',
      async append(draft) {
        await behaviour.append(draft);
        note(describeDraft(draft));
        return {...draft, schema_version: 1, seq: 1, at: '', hash: '', previous: ''} as JournalEntry;
      },
      read: async () => [],
    },
    clock: {
      now: () => new Date(time++),
      // A plan's pause ends at once; the deadlines of an interruption are never reached.
      sleep: async (ms, signal) => {
        if (ms === 500) note(`sleep ${ms}`);
        else await new Promise((_, reject) => signal?.addEventListener('abort', reject));
      },
    },
    sha256: text => createHash('sha256').update(text).digest('hex'),
    async slots() {
      note('slots');
      return behaviour.slots();
    },
    ...(behaviour.recheck && {recheck: behaviour.recheck}),
  };
  return {ports, calls};
}

export type PortBehaviour = {
  apply(pid: number): Promise<number>;
  verify(pid: number): Promise<boolean>;
  append(draft: JournalDraft): Promise<void>;
  slots(): Promise<SlotUsage>;
  recheck: EnginePorts['recheck'] | undefined;
};

export const group = {application_name: 'web', usename: 'app', client_addr: '10.0.0.1'};

export function slotUsage(count: number): SlotUsage {
  return {used: count + 1, headroom: 90 - count, groups: [{...group, count}]};
}

function describeDraft(draft: JournalDraft): string {
  if (draft.event === 'intent') return `intent ${draft.step}`;
  if (draft.event === 'outcome') return `outcome ${draft.step} ${draft.outcome}`;
  return draft.event === 'end' ? `end ${draft.status}` : 'run';
}

function createStep(pid: number): Step & {kind: 'sql'} {
  return {
    kind: 'sql',
    title: `terminate ${pid}`,
    subject: `backend:${pid}`,
    apply: {text: 'SELECT $1', values: [pid]},
    undo: 'irreversible',
    verify: {query: {text: 'SELECT $1', values: [pid]}, expect: {column: 'remaining', op: '=', value: 0}},
    lock: 'none',
    transaction: false,
    timeout_ms: 1000,
  };
}

export function createPlan(count: number, overrides: Partial<Plan> = {}): Plan {
  return {
    recipe: 'test',
    params: {},
    explanation: [],
    steps: Array.from({length: count}, (_, index) => createStep(index + 1)),
    skipped: [],
    batch_size: 2,
    pause_ms: 500,
    slots_freed: count,
    watch_groups: [{...group, steps: Array.from({length: count}, (_, index) => index)}],
    on_failure: 'continue',
    ...overrides,
  };
}
