import { describe, expect, it } from 'vitest';
import { type HomeSurroundings, homePaths, stateDir } from './home-paths.ts';

const around = (env: Record<string, string> = {}, platform: NodeJS.Platform = 'linux'): HomeSurroundings => ({
  env,
  platform,
  userHome: '/home/ana',
  tempDir: '/tmp',
  userId: 1000,
  cwd: '/there',
  platformDirs: { config: '/mac/config', data: '/mac/data', log: '/mac/state/log' },
});

describe('home paths', () => {
  it('puts everything of a --home under that directory, from any working directory (BN-48)', () => {
    const paths = homePaths('h', around({ XDG_DATA_HOME: '/elsewhere' }));
    expect(paths.home).toBe('/there/h');
    expect(paths.controlPath).toBe('/there/h/control.sock');
    for (const path of Object.values(paths)) expect(path.startsWith('/there/h')).toBe(true);
  });

  it('follows XDG by default, and ignores relative XDG values', () => {
    const env = { XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d', XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/run/user/1000' };
    expect(homePaths(undefined, around(env))).toMatchObject({
      home: '/d/batchain',
      configFile: '/c/batchain/config.toml',
      identityFile: '/d/batchain/identity',
      manifestDir: '/d/batchain/manifest',
      hostedDir: '/d/batchain/hosted',
      shardsDir: '/d/batchain/shards',
      dbDir: '/d/batchain/db',
      logDir: '/s/batchain/log',
      controlPath: '/d/batchain/control.sock',
    });
    expect(homePaths(undefined, around({ XDG_DATA_HOME: 'relative' }))).toMatchObject({
      home: '/home/ana/.local/share/batchain',
      configFile: '/home/ana/.config/batchain/config.toml',
      controlPath: '/home/ana/.local/share/batchain/control.sock',
    });
    expect(stateDir(around(env))).toBe('/s/batchain');
  });

  it('gives two homes of one user two sockets, with and without a runtime directory', () => {
    for (const env of [{}, { XDG_RUNTIME_DIR: '/run/user/1000' }]) {
      const ofHome = (userHome: string): string => homePaths(undefined, { ...around(env), userHome }).controlPath;
      expect(ofHome('/home/bo')).not.toBe(ofHome('/home/ana'));
      expect(homePaths('/home/ana/.local/share/batchain', around(env)).controlPath).toBe(ofHome('/home/ana'));
    }
  });

  it('takes the platform folders of macOS and Windows', () => {
    expect(homePaths(undefined, around({}, 'darwin'))).toMatchObject({ home: '/mac/data', configFile: '/mac/config/config.toml' });
    expect(homePaths(undefined, around({}, 'win32')).controlPath).toMatch(/^\\\\\.\\pipe\\batchain-[0-9a-f]{16}$/);
  });

  it('moves the socket to a runtime directory when its path would be too long, one name per home', () => {
    const long = `/there/${'deep/'.repeat(30)}`;
    const first = homePaths(`${long}a`, around()).controlPath;
    expect(first).toMatch(/^\/tmp\/batchain-1000\/[0-9a-f]{16}\.sock$/);
    expect(homePaths(`${long}a`, around()).controlPath).toBe(first);
    expect(homePaths(`${long}b`, around()).controlPath).not.toBe(first);
  });
});
