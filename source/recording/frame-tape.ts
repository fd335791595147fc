import type {Kept, Moment, Tape} from '../model/recording.ts';
import {decodeGroup, readLoss} from './encoder.ts';
import type {Frame} from './frames.ts';

export type FrameTape = Tape & {
  add(frame: Frame): void;
  /** Forgets the oldest group; false where it is the only one. */
  forgetOldest(): boolean;
  frames(): readonly Frame[];
  bytes(): number;
};

/** A moment, the group it is in and its place there. */
type Place = {moment: Moment; group: Frame[]; index: number};

const keptGroups = 2;

/** Frames as a tape. Of two readings of the same moment the later one counts: its statements came with it. */
export function createFrameTape(): FrameTape {
  let all: Frame[] = [];
  let places: Place[] = [];
  let moments: Moment[] | null = null;
  let bytes = 0;
  const decoded = new Map<Frame[], Kept[]>();

  function readingsOf(group: Frame[]): Kept[] {
    const known = decoded.get(group);
    if (known?.length === group.length) return known;
    const readings = decodeGroup(group);
    decoded.delete(group);
    decoded.set(group, readings);
    for (const other of decoded.keys()) if (decoded.size > keptGroups) decoded.delete(other);
    return readings;
  }

  return {
    add(frame) {
      if (frame.kind === 'lost') {
        all.push(frame);
        return;
      }
      const latest = places.at(-1);
      const group = frame.kind === 'key' ? [] : latest?.group;
      // The key it belongs to is missing: nothing can be made of it.
      if (group === undefined) return;
      all.push(frame);
      bytes += frame.payload.length;
      group.push(frame);
      const {at_ms, severity} = frame;
      if (latest?.moment.at_ms === at_ms) places.pop();
      places.push({moment: {at_ms, severity}, group, index: group.length - 1});
      moments = null;
    },
    forgetOldest() {
      const oldest = places[0]?.group;
      const next = places.find(({group}) => group !== oldest)?.group[0];
      if (oldest === undefined || next === undefined) return false;
      const from = all.indexOf(next);
      for (const {kind, payload} of all.slice(0, from)) if (kind !== 'lost') bytes -= payload.length;
      all = all.slice(from);
      places = places.filter(({group}) => group !== oldest);
      moments = null;
      return true;
    },
    frames: () => all,
    bytes: () => bytes,
    moments() {
      moments ??= places.map(({moment}) => moment);
      return moments;
    },
    losses: () => all.filter(({kind}) => kind === 'lost').map(readLoss),
    async read(from, to) {
      return places.slice(from, to + 1).flatMap(({group, index}) => readingsOf(group)[index] ?? []);
    },
  };
}
