// pure: where everything of one participant lies: under one home directory, or in the platform's own places (XDG).
import { createHash } from 'node:crypto';
import { isAbsolute, join, resolve } from 'node:path';

export interface HomePaths {
  /** What users know as the home: the `--home` directory, or the platform's data directory. */
  readonly home: string;
  readonly configFile: string;
  readonly identityFile: string;
  readonly manifestDir: string;
  readonly hostedDir: string;
  readonly shardsDir: string;
  readonly dbDir: string;
  /** Index of the shard store. */
  readonly indexDir: string;
  /** Table of values by key: catalog, pieces, and the local store. */
  readonly valueTableDir: string;
  /** Values that do not fit in the table, and manifests of those that lie on hosts. */
  readonly valuesDir: string;
  /** Records of the owner's files. */
  readonly ownedDir: string;
  /** Journals of uploads under way. */
  readonly journalDir: string;
  /** Bodies of HTTP requests on their way to the peers. */
  readonly incomingDir: string;
  /** The token of storage over HTTP, where none was named. */
  readonly httpTokenFile: string;
  readonly kadStateFile: string;
  readonly logDir: string;
  readonly lockFile: string;
  readonly controlPath: string;
}

/** What of the process and the machine decides about paths; `platformDirs` is env-paths on macOS and Windows. */
export interface HomeSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly userHome: string;
  readonly tempDir: string;
  readonly userId: number;
  readonly cwd: string;
  readonly platformDirs: { readonly config: string; readonly data: string; readonly log: string };
}

/** A Unix socket path holds at most 108 bytes on Linux and 104 on macOS, a final zero included. */
const SOCKET_PATH_BYTES_MAX = 103;

/** An XDG variable counts only when absolute (XDG base directory specification). */
function xdg(around: HomeSurroundings, name: string, fallback: string): string {
  const value = around.env[name];
  return value !== undefined && isAbsolute(value) ? value : join(around.userHome, fallback);
}

function platformDirs(around: HomeSurroundings): HomeSurroundings['platformDirs'] {
  if (around.platform === 'darwin' || around.platform === 'win32') return around.platformDirs;
  return {
    config: join(xdg(around, 'XDG_CONFIG_HOME', '.config'), 'batchain'),
    data: join(xdg(around, 'XDG_DATA_HOME', join('.local', 'share')), 'batchain'),
    log: join(xdg(around, 'XDG_STATE_HOME', join('.local', 'state')), 'batchain', 'log'),
  };
}

/** A directory for sockets that only this user may enter. */
export function runtimeDir(around: HomeSurroundings): string {
  const value = around.env.XDG_RUNTIME_DIR;
  if (value !== undefined && isAbsolute(value)) return join(value, 'batchain');
  return join(around.tempDir, `batchain-${around.userId}`);
}

/** `log/`'s parent: the state directory (the sample network lives in its `sample/`). */
export function stateDir(around: HomeSurroundings): string {
  return resolve(platformDirs(around).log, '..');
}

/** In the home itself: whoever finds the home finds its daemon, whatever the environment, and no two homes share a socket. */
function chooseControlPath(home: string, around: HomeSurroundings): string {
  const name = createHash('sha256').update(home).digest('hex').slice(0, 16);
  if (around.platform === 'win32') return `\\\\.\\pipe\\batchain-${name}`;
  const preferred = join(home, 'control.sock');
  return Buffer.byteLength(preferred) <= SOCKET_PATH_BYTES_MAX ? preferred : join(runtimeDir(around), `${name}.sock`);
}

/** All paths of the home at `home` (relative to the working directory), or of the platform's default places. */
export function homePaths(home: string | undefined, around: HomeSurroundings): HomePaths {
  const dirs = platformDirs(around);
  const data = home === undefined ? dirs.data : resolve(around.cwd, home);
  const isDefault = home === undefined;
  return {
    home: data,
    configFile: join(isDefault ? dirs.config : data, 'config.toml'),
    identityFile: join(data, 'identity'),
    manifestDir: join(data, 'manifest'),
    hostedDir: join(data, 'hosted'),
    shardsDir: join(data, 'shards'),
    dbDir: join(data, 'db'),
    indexDir: join(data, 'db', 'index'),
    valueTableDir: join(data, 'db', 'values'),
    valuesDir: join(data, 'values'),
    ownedDir: join(data, 'db', 'owned'),
    journalDir: join(data, 'db', 'uploads'),
    incomingDir: join(data, 'db', 'incoming'),
    httpTokenFile: join(data, 'http-token'),
    kadStateFile: join(data, 'db', 'kad-state'),
    logDir: isDefault ? dirs.log : join(data, 'log'),
    lockFile: join(data, 'lock'),
    controlPath: chooseControlPath(data, around),
  };
}
