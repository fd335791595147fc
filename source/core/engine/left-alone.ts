import type {Protected} from '../../model/plan.ts';

/** Those left alone for one reason. */
export type LeftAlone = {reason: string; members: Protected[]};

/** A reason longer than this is told once for all whom it holds for; a shorter one reads better beside each. */
const long = 60;

/** In their order, those of one long reason together where the first of them stands. */
export function groupLeftAlone(left_alone: readonly Protected[]): LeftAlone[] {
  const groups: LeftAlone[] = [];
  for (const member of left_alone) {
    const {reason} = member;
    const group = reason.length > long ? groups.find(each => each.reason === reason) : undefined;
    if (group === undefined) groups.push({reason, members: [member]});
    else group.members.push(member);
  }
  return groups;
}
