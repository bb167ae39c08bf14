import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatChainError } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireHomeLock, homeLockHolder } from './home-lock.ts';
import { homePaths } from './home-paths.ts';
import { createIdentityFile, loadIdentityFile } from './identity-file.ts';
import { ensureHome } from './init-home.ts';
import { ensurePrivateDir, removeLeftovers, replaceFile } from './private-files.ts';
import { systemSurroundings } from './system-surroundings.ts';

const { entropy } = createSystemRuntime();
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'batchain-home-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function errorOf(run: () => unknown): BatChainError {
  try {
    run();
  } catch (error) {
    if (error instanceof BatChainError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('identity file', () => {
  it('is written once, for its owner alone, and read back as the same id', () => {
    const path = join(dir, 'identity');
    const made = createIdentityFile(path, entropy);
    expect(modeOf(path)).toBe('600');
    expect(loadIdentityFile(path)?.nodeId).toEqual(made.nodeId);
    expect(errorOf(() => createIdentityFile(path, entropy)).code).toBe('BAT_E_HOME_EXISTS');
    expect(readdirSync(dir)).toEqual(['identity']);
  });

  it('is missing in an empty home', () => {
    expect(loadIdentityFile(join(dir, 'identity'))).toBeUndefined();
  });

  it('is refused when others may read it, with the command that repairs it', () => {
    const path = join(dir, 'identity');
    createIdentityFile(path, entropy);
    chmodSync(path, 0o644);
    expect(errorOf(() => loadIdentityFile(path))).toMatchObject({ code: 'BAT_E_IDENTITY_EXPOSED', fix: `chmod 600 ${path}` });
    expect(modeOf(path)).toBe('644');
  });

  it('is refused at every cut and every flipped digit, and left as it is', () => {
    const path = join(dir, 'identity');
    createIdentityFile(path, entropy);
    const text = readFileSync(path, 'utf8');
    const cuts = Array.from({ length: text.length - 2 }, (_, length) => text.slice(0, length + 1).trimEnd()).filter(
      (cut) => cut !== text.trim(),
    );
    const flips = Array.from({ length: 64 }, (_, i) => {
      const at = text.indexOf(' ') + 1 + i;
      return `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`;
    });
    for (const damaged of [...cuts, ...flips, '', `${text} more`]) {
      writeFileSync(path, damaged);
      expect(errorOf(() => loadIdentityFile(path)).code, damaged).toBe('BAT_E_IDENTITY_DAMAGED');
      expect(readFileSync(path, 'utf8')).toBe(damaged);
    }
  });
});

describe('a home that is made when there is none', () => {
  it('is made once, also when another process makes it in the same moment', () => {
    const paths = homePaths(join(dir, 'home'), systemSurroundings());
    const rivalAtOnce: typeof entropy = {
      ...entropy,
      bytes: (length) => {
        if (!existsSync(paths.identityFile)) createIdentityFile(paths.identityFile, entropy);
        return entropy.bytes(length);
      },
    };
    expect(ensureHome(paths, rivalAtOnce)).toBe(false);
    expect(ensureHome(paths, entropy)).toBe(false);
    expect(ensureHome(homePaths(join(dir, 'another'), systemSurroundings()), entropy)).toBe(true);
  });
});

describe('private files', () => {
  it('narrows a directory that others could enter', () => {
    chmodSync(dir, 0o755);
    ensurePrivateDir(dir);
    expect(modeOf(dir)).toBe('700');
    ensurePrivateDir(join(dir, 'a', 'b'));
    expect([modeOf(join(dir, 'a')), modeOf(join(dir, 'a', 'b'))]).toEqual(['700', '700']);
  });

  it('fails at once where no directory can be', () => {
    expect(() => ensurePrivateDir('/proc/nowhere/deeper')).toThrow();
    writeFileSync(join(dir, 'file'), '');
    expect(() => ensurePrivateDir(join(dir, 'file', 'below'))).toThrow();
  });

  it('replaces content in one step and leaves no temporary file, also when it fails', () => {
    const path = join(dir, 'state');
    replaceFile(path, Uint8Array.of(1, 2), entropy);
    replaceFile(path, Uint8Array.of(3), entropy);
    expect([...readFileSync(path)]).toEqual([3]);
    ensurePrivateDir(join(dir, 'folder', 'inner'));
    expect(() => replaceFile(join(dir, 'folder'), Uint8Array.of(1), entropy)).toThrow();
    expect(readdirSync(dir).sort()).toEqual(['folder', 'state']);
  });
});

describe('what killed processes left', () => {
  const [own, other] = ['0123456789abcdef', 'fedcba9876543210'];

  it('is removed by its file’s next holder, and nothing else is', () => {
    const kept = ['identity', 'identity.old', `identity.${own}`, `identity.backup.${own}.tmp`, `my-identity.${own}.tmp`, `lock.${own}.tmp`];
    for (const name of [...kept, `identity.${own}.tmp`, `identity.${other}.tmp`]) writeFileSync(join(dir, name), 'x');
    removeLeftovers(join(dir, 'identity'));
    expect(readdirSync(dir).sort()).toEqual([...kept].sort());
    removeLeftovers(join(dir, 'nowhere', 'identity'));
  });

  it('of taking the home is removed when it is taken, but for a lock that may be put back', () => {
    const path = join(dir, 'lock');
    const lock = acquireHomeLock(path, entropy);
    const ours = readFileSync(path);
    lock.release();
    writeFileSync(join(dir, `lock.${own}.tmp`), 'half');
    writeFileSync(join(dir, `lock.${own}.dead`), '1 boot/1');
    writeFileSync(join(dir, `lock.${other}.dead`), ours);
    acquireHomeLock(path, entropy).release();
    expect(readdirSync(dir)).toEqual([`lock.${other}.dead`]);
  });
});

describe('home lock', () => {
  it('refuses a second holder and names the first, until it is released', () => {
    const path = join(dir, 'lock');
    const lock = acquireHomeLock(path, entropy);
    expect(errorOf(() => acquireHomeLock(path, entropy))).toMatchObject({
      code: 'BAT_E_HOME_IN_USE',
      exit: 11,
      details: { pid: process.pid },
    });
    expect(homeLockHolder(path)).toBe(process.pid);
    lock.release();
    lock.release();
    expect(homeLockHolder(path)).toBeUndefined();
    acquireHomeLock(path, entropy).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('is no home in use when something else has its name', () => {
    const path = join(dir, 'lock');
    mkdirSync(path);
    expect(errorOf(() => acquireHomeLock(path, entropy))).toMatchObject({
      code: 'BAT_E_HOME_UNUSABLE',
      fix: expect.stringContaining(path),
    });
    expect(homeLockHolder(path)).toBeUndefined();
    rmSync(path, { recursive: true });
    symlinkSync(join(dir, 'nowhere'), path);
    expect(errorOf(() => acquireHomeLock(path, entropy)).code).toBe('BAT_E_HOME_UNUSABLE');
  });

  it('takes over from a process that died, also when its pid was given to another', () => {
    const path = join(dir, 'lock');
    const dead = spawnSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).stdout.trim();
    for (const left of [`${dead} \n`, `${process.pid} another-boot/123\n`, '', 'garbage\n']) {
      writeFileSync(path, left);
      acquireHomeLock(path, entropy).release();
    }
    expect(readdirSync(dir)).toEqual([]);
  });

  it.skipIf(!existsSync('/proc/self/stat'))('takes over from a process that died and whose parent has not asked how', async () => {
    const path = join(dir, 'lock');
    // The shell becomes a program that asks after no child, before the child ends.
    const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const statPath = `/proc/${line.toString().trim()}/stat`;
      const fields = (): string[] =>
        readFileSync(statPath, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ');
      while (fields()[0] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 20));
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      writeFileSync(path, `${line.toString().trim()} ${boot}/${fields()[19]}\n`);
      expect(homeLockHolder(path)).toBeUndefined();
      acquireHomeLock(path, entropy).release();
    } finally {
      parent.kill('SIGKILL');
    }
  });
});
