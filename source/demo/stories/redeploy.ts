import type {Stage} from './story.ts';

/**
 * The application's owner, who deploys it again with pools that fit once tune-connection-limit has limited its role. Goes on until
 * the story ends.
 */
export async function redeployWhenLimited(
  {admin, sleep, signal}: Stage,
  role: string,
  deploy: (limit: number) => Promise<void>,
): Promise<void> {
  let deployed = unlimited;
  while (!signal.aborted) {
    await sleep(500);
    const {rows} = await admin.query<{rolconnlimit: number}>(
      'SELECT rolconnlimit FROM pg_roles WHERE rolname = $1',
      [role],
    );
    const limit = rows[0]?.rolconnlimit ?? unlimited;
    if (limit === deployed || limit === unlimited) continue;
    deployed = limit;
    await deploy(limit);
  }
}

const unlimited = -1;
