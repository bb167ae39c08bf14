// One tarball, an empty prefix, no network: the command line installs and runs, and the library beside it.
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatNotices, NOTICE_PATH } from '../../scripts/notices.ts';
import { packCli } from '../../scripts/pack-cli.ts';
import { Network } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'batchain-install-'));
const prefix = join(folder, 'prefix');
const cache = join(folder, 'cache');
const root = fileURLToPath(new URL('../..', import.meta.url));

// Nothing of this repository's npm settings, and an empty cache.
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(npm_|BATCHAIN_|NODE_OPTIONS)/i.test(key))),
  npm_config_cache: cache,
  npm_config_update_notifier: 'false',
  XDG_STATE_HOME: join(folder, 'state'),
};

function run(command: string, args: readonly string[], cwd = folder) {
  return spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 120_000 });
}

/** The output of a program beside the installed library. */
async function outputOf(program: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [program], { cwd: folder, env, timeout: 60_000 });
  return stdout;
}

let tarball: string;
beforeAll(() => {
  tarball = packCli(folder);
  writeFileSync(join(folder, 'package.json'), '{"name":"empty","private":true}');
  const installed = run('npm', ['install', '--global', '--offline', '--prefix', prefix, tarball]);
  expect(installed.status, installed.stderr).toBe(0);
  // What npm lays out for a program is the same; laying it out twice would double the time.
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(prefix, 'lib', 'node_modules', 'batchain'), join(folder, 'node_modules', 'batchain'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('BN-56 the packed command line', () => {
  const bin = (name: string): string => join(prefix, 'bin', name);

  it('BD-08 installs offline into an empty prefix and runs from any directory (BN-48)', () => {
    for (const cwd of [folder, '/', tmpdir()]) {
      const version = run(bin('batchain'), ['version', '--json'], cwd);
      expect(version.status, version.stderr).toBe(0);
      expect(JSON.parse(version.stdout)).toMatchObject({
        type: 'result',
        version: JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8')).version,
      });
    }
  });

  it('stores, loses hosts, and gets back on this machine, with the native parts that it brought along', () => {
    const sample = run(bin('batchain'), ['sample', '--once', '--json']);
    expect(sample.status, sample.stdout + sample.stderr).toBe(0);
    expect(JSON.parse(sample.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ identical: true, stopped: ['node2'] });
    const helper = run(bin('batchain-sample'), ['-l', '--json']);
    expect(JSON.parse(helper.stdout)).toMatchObject({ type: 'error', code: 'BAT_E_NO_HOME' });
  });

  it('BD-07 brings the programs of the lab along', () => {
    const up = run(bin('batchain'), ['lab', 'up', '--nodes', '1', '--json']);
    const down = run(bin('batchain'), ['lab', 'down', '--json']);
    expect(up.status, up.stdout + up.stderr).toBe(0);
    expect(JSON.parse(down.stdout)).toMatchObject({ type: 'result', wasUp: true });
  });

  it('SH-16 is a library too: the program in the README runs as it stands there', async () => {
    const [, program] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
    writeFileSync(join(folder, 'program.mjs'), program ?? '');
    writeFileSync(join(folder, 'letter.txt'), 'dear reader');
    const network = await Network.create();
    try {
      const [first] = await network.startHosts(2);
      const ran = run(process.execPath, ['program.mjs', first?.kad ?? '', 'letter.txt']);
      expect(JSON.parse(ran.stdout), ran.stderr).toEqual({ name: 'letter.txt', placed: 2 });
      expect(ran.stderr).toContain('11 of 11 bytes');
      expect(readFileSync(join(folder, 'letter.txt.back'), 'utf8')).toBe('dear reader');
    } finally {
      await network.close();
    }
  }, 60_000);

  it('BD-02 BD-03 the three example programs run beside it, and its types know everything that they use', async () => {
    const names = ['embed-a-node.mjs', 'key-value.mjs', 'upload.mjs'];
    for (const name of names) cpSync(join(root, 'demos/library', name), join(folder, name));
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    const strict = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--skipLibCheck'];
    const target = ['--noEmit', '--allowJs', '--checkJs', '--module', 'nodenext', '--target', 'es2023'];
    const typed = run(join(root, 'node_modules/.bin/tsc'), [...target, ...strict, ...types, ...names]);
    expect(typed.stdout).toBe('');
    const [embedded, values, uploaded] = await Promise.all(names.map(outputOf));
    expect(embedded).toMatch(/^first found [0-9a-f]{64} at 127\.0\.0\.1:\d+$/m);
    expect(embedded).toMatch(/^second joined: 1 answered, 0 did not$/m);
    expect(embedded).toMatch(
      /^second reaches first: (?:lan|direct)\nfirst: reach lan, 1 peer, 50000000 bytes offered\nsecond: reach lan, 1 peer, 0 bytes offered\nsecond stopped\nfirst stopped\n$/m,
    );
    expect(values?.split('\n')).toEqual([
      'stored on 1 other node',
      'bo reads {"text":"hello","times":1}',
      'bo reads {"text":"hello again","times":2}',
      'bo reads nothing',
      'ana reads "under its own hash"',
      '',
    ]);
    expect(uploaded).toMatch(
      /^interrupted: the user pressed stop\n[\s\S]*^100 % of 32000000 bytes\non 2 hosts; \d+ bytes were there from before\nthe copy is identical\nBAT_E_TARGET_EXISTS: /m,
    );
  }, 90_000);

  it('has one way in, with its types first, and wants the Node that it is tested with', () => {
    const { exports, engines, files, type } = JSON.parse(readFileSync(join(prefix, 'lib/node_modules/batchain/package.json'), 'utf8'));
    expect(Object.keys(exports)).toEqual(['.']);
    expect(Object.entries(exports['.'])).toEqual([
      ['types', './dist/index.d.ts'],
      ['default', './dist/index.js'],
    ]);
    expect({ type, engines, files }).toEqual({
      type: 'module',
      engines: { node: '>=20.19.0' },
      files: ['bin', 'dist', '!dist/.tsbuildinfo', 'NOTICE'],
    });
    const deep = "await import('batchain/dist/main.js').catch(({ code }) => console.log(code))";
    expect(run(process.execPath, ['--input-type=module', '-e', deep]).stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
    expect(run(process.execPath, ['-p', "typeof require('batchain').createParticipant"]).stdout).toBe('function\n');
  });

  it('brings along what data channels need on this platform', () => {
    const program =
      "const { default: { getLibraryVersion } } = await import('node-datachannel'); console.log(getLibraryVersion()); process.exit(0);";
    const ran = run(process.execPath, ['--input-type=module', '-e', program], join(prefix, 'lib', 'node_modules', 'batchain'));
    expect(ran.stdout, ran.stderr).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('ships its licence, the notices of what it contains, and no sources, tests or install scripts', () => {
    const installed = join(prefix, 'lib', 'node_modules', 'batchain');
    expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'NOTICE', 'bin', 'dist', 'node_modules', 'package.json']);
    expect(readFileSync(join(installed, 'LICENSE'), 'utf8')).toContain('MIT');
    const all = readdirSync(installed, { recursive: true }) as string[];
    expect(all.filter((path) => /^dist\/.*\.test\.|binding\.gyp$|@batchain\/[^/]+\/(src|dist\/.*\.test\.)/.test(path))).toEqual([]);
    const manifests = all.filter((path) => /(^|node_modules\/(@[^/]+\/)?[^/]+\/)package\.json$/.test(path));
    for (const path of manifests) {
      const { scripts = {}, name } = JSON.parse(readFileSync(join(installed, path), 'utf8'));
      expect([name, scripts]).toEqual([name, {}]);
    }
  });

  it('has notices that are up to date (npm run docs:notices)', () => {
    expect(existsSync(NOTICE_PATH)).toBe(true);
    expect(readFileSync(NOTICE_PATH, 'utf8')).toBe(formatNotices());
  });
});
