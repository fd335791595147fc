/** In the order in which they are listed: from what shows immediately to what shows over time. */
export const storyNames = [
  'lock-queue',
  'hot-row',
  'foreign-key',
  'silent-clients',
  'deploy-overlap',
  'read-only-role',
  'full-column',
  'outside-call',
  'starved-pool',
  'stale-statistics',
  'horizon',
  'chatty',
] as const;

export type StoryName = (typeof storyNames)[number];
