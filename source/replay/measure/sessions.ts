/**
 * The most sessions that `count` tells, asked every fifth of a second and once more at the end: the pools'
 * connections are still open then. null where it never told.
 */
export function watchSessions(count: () => Promise<number | null>): {end(): Promise<number | null>} {
  let most: number | null = null;
  let isOver = false;
  const ask = async () => {
    const sessions = await count();
    if (sessions !== null) most = Math.max(most ?? 0, sessions);
  };
  const asking = (async () => {
    while (!isOver) {
      await ask();
      await new Promise(resolve => {
        setTimeout(resolve, 200).unref();
      });
    }
  })();
  return {
    async end() {
      isOver = true;
      await asking;
      await ask();
      return most;
    },
  };
}
