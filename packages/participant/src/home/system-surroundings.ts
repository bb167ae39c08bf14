// driven: the surroundings of this very process, as home-paths wants them.
import { homedir, tmpdir } from 'node:os';
import envPaths from 'env-paths';
import type { HomeSurroundings } from './home-paths.ts';

export function systemSurroundings(env: Readonly<Record<string, string | undefined>> = process.env): HomeSurroundings {
  const { config, data, log } = envPaths('batchain', { suffix: '' });
  return {
    env,
    platform: process.platform,
    userHome: env.HOME ?? homedir(),
    tempDir: tmpdir(),
    userId: process.getuid?.() ?? 0,
    cwd: process.cwd(),
    platformDirs: { config, data, log },
  };
}
