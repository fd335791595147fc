import {randomBytes} from 'node:crypto';
import {type Demo, nameVersion, oncallRole} from '../demo.ts';
import {startServer} from '../server.ts';
import {startTraffic} from '../start-traffic.ts';
import {stories} from './index.ts';
import type {StoryName} from './names.ts';
import {database, settingsOf} from './stage.ts';

/**
 * Starts a throwaway PostgreSQL under a story. Resolves when its harm is there. Throws AbortError if there are no server binaries
 * or the server or the story does not start.
 */
export async function startStoryDemo(
  name: StoryName,
  {onProgress}: {onProgress: (text: string) => void},
): Promise<Demo> {
  onProgress('starting a throwaway PostgreSQL');
  const server = await startServer({settings: settingsOf(stories[name])});
  try {
    onProgress(`bringing up the story ${name}`);
    const {host, port, superuserPassword, version} = server;
    const password = randomBytes(12).toString('hex');
    const traffic = await startTraffic({
      kind: 'story',
      name,
      host,
      port,
      superuserPassword,
      oncall: {role: oncallRole, password},
    });
    const rescueUrl = server.url({database});
    return {
      url: server.url({user: oncallRole, password, database}),
      superuserUrl: rescueUrl,
      rescueUrl,
      description: `${nameVersion(version)}, story ${name}`,
      async stop() {
        await traffic.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
