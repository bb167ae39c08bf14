// The Debian package: what it says of itself, what lies in it, and that what it installs into an empty root runs from there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packDeb, whyNoDeb } from '../../scripts/pack-deb.ts';
import { isUsed, runsHere } from '../../scripts/shipped-files.ts';

const missing = whyNoDeb();
if (missing !== undefined) console.warn(`!! test/e2e/deb-package.test.ts is skipped: ${missing}`);

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const { version, engines } = JSON.parse(readFileSync(join(REPOSITORY, 'packages/cli/package.json'), 'utf8'));
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';
const EPOCH = 1_790_000_000;

/** Whether the Node of the system may run it; else the one of this test does. */
const nodeOfSystem = '/usr/bin/node';
const isNodeFit = ((): boolean => {
  const [, major = '0', minor = '0'] =
    /^v(\d+)\.(\d+)/.exec(spawnSync(nodeOfSystem, ['--version'], { encoding: 'utf8' }).stdout ?? '') ?? [];
  return Number(major) > 20 || (Number(major) === 20 && Number(minor) >= 19);
})();

const folder = mkdtempSync(join(tmpdir(), 'batchain-deb-test-'));
const root = join(folder, 'root');
const home = join(folder, 'home');
let deb = '';

function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
  return spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 2 ** 26,
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...env },
  });
}

/** As a user whose home is empty. */
function installed(...words: string[]) {
  const program = join(root, 'usr/bin/batchain');
  const env = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
  return isNodeFit ? run(program, words, env) : run(process.execPath, [program, ...words], env);
}

const lastLine = (text: string): Record<string, unknown> => JSON.parse(text.trim().split('\n').at(-1) ?? '');
const inRoot = (path: string): string => readFileSync(join(root, path), 'utf8');

beforeAll(() => {
  if (missing !== undefined) return;
  mkdirSync(join(home, 'run'), { recursive: true, mode: 0o700 });
  deb = packDeb(folder, { PATH: process.env.PATH, SOURCE_DATE_EPOCH: String(EPOCH) });
}, 60_000);
afterAll(() => {
  if (existsSync(join(root, 'usr/bin/batchain'))) installed('stop');
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(missing !== undefined)('SH-15 the Debian package', () => {
  it('says what it is, what it needs, and has nothing to run while it is installed', () => {
    const field = (name: string): string => run('dpkg-deb', ['--field', deb, name]).stdout.trim();
    expect(deb).toBe(join(folder, `batchain_${version}_${ARCHITECTURE}.deb`));
    expect([field('Package'), field('Version'), field('Architecture')]).toEqual(['batchain', version, ARCHITECTURE]);
    expect(engines.node).toBe('>=20.19.0');
    expect(field('Depends')).toMatch(/^nodejs \(>= 20\.19\), libc6 \(>= 2\.\d+\), libgcc-s1, libstdc\+\+6$/);
    expect(field('Maintainer')).toMatch(/^[^<]+ <[^>]+@[^>]+>$/);
    expect(Number(field('Installed-Size'))).toBeGreaterThan(5_000);
    expect(run('dpkg-deb', ['--ctrl-tarfile', deb]).status).toBe(0);
    const scripts = ['preinst', 'postinst', 'prerm', 'postrm'].filter((name) => run('dpkg-deb', ['--info', deb, name]).status === 0);
    expect(scripts).toEqual([]);
  });

  it('belongs to root, may be changed by nobody else, and carries native parts of this architecture only', () => {
    const rows = run('dpkg-deb', ['--contents', deb]).stdout.trim().split('\n');
    const files = rows.map((row) => {
      const [mode = '', owner = '', , , , path = ''] = row.split(/ +/);
      return { mode, owner, path };
    });
    expect(files.filter(({ owner }) => owner !== 'root/root')).toEqual([]);
    const programs = ['batchain', 'batchain-sample'].map((name) => `./usr/lib/batchain/bin/${name}.mjs`);
    const wrong = files.filter(({ mode, path }) => {
      if (mode.startsWith('l')) return false;
      if (mode.startsWith('d')) return mode !== 'drwxr-xr-x';
      return mode !== (programs.includes(path) ? '-rwxr-xr-x' : '-rw-r--r--');
    });
    expect(wrong).toEqual([]);
    const natives = files
      .filter(({ path }) => /\.(?:node|dll|dylib|so)$/.test(path))
      .map(({ path }) => path.replace(/^.*node_modules\//, ''));
    expect(natives).toEqual([
      `@node-datachannel/linux-${process.arch}-gnu/node_datachannel.node`,
      `classic-level/prebuilds/linux-${process.arch}/classic-level${process.arch === 'arm64' ? '.armv8' : ''}.node`,
    ]);
    const outside = files.filter(
      ({ path }) =>
        !/^\.\/(?:usr\/(?:(?:bin|lib|share)\/)?)?$|^\.\/usr\/(?:bin|lib\/batchain|lib\/systemd|share\/doc|share\/man)\//.test(path),
    );
    expect(outside).toEqual([]);
  });

  it('is the same bytes when it is built again', () => {
    const again = packDeb(join(folder, 'again'), { PATH: process.env.PATH, SOURCE_DATE_EPOCH: String(EPOCH) });
    const sum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
    expect(sum(again)).toBe(sum(deb));
  }, 30_000);

  it('installs into an empty root, where every file is as its checksum says', () => {
    mkdirSync(join(root, 'var/lib/dpkg/info'), { recursive: true });
    mkdirSync(join(root, 'var/lib/dpkg/updates'));
    writeFileSync(join(root, 'var/lib/dpkg/status'), '');
    // Without root nobody may give files to root, so they are laid out without the record of what is installed.
    const way =
      process.getuid?.() === 0
        ? run('dpkg', [`--root=${root}`, '--log=/dev/null', '--force-depends', '--force-unsafe-io', '--install', deb])
        : run('dpkg-deb', ['--extract', deb, root]);
    expect(way.status, way.stderr).toBe(0);
    const sums = run('dpkg-deb', ['--info', deb, 'md5sums']).stdout.trim().split('\n');
    const wrong = sums.filter((line) => {
      const [sum, path = ''] = line.split('  ');
      return (
        createHash('md5')
          .update(readFileSync(join(root, path)))
          .digest('hex') !== sum
      );
    });
    expect(sums.length).toBeGreaterThan(500);
    expect(wrong).toEqual([]);
    expect(inRoot('usr/lib/batchain/bin/batchain.mjs')).toMatch(/^#!\/usr\/bin\/node\n/);
  });

  it('brings its papers: copyright of everything in it, changelog, and a manual page with every command', () => {
    const copyright = inRoot('usr/share/doc/batchain/copyright');
    for (const owner of ['The BatChain authors', 'LevelDB', 'libdatachannel', 'zod']) expect(copyright).toContain(owner);
    const gunzip = (path: string): string => gunzipSync(readFileSync(join(root, path))).toString('utf8');
    expect(gunzip('usr/share/doc/batchain/changelog.gz')).toMatch(
      new RegExp(
        `^batchain \\(${version}\\) unstable; urgency=medium\n\n  \\* [\\s\\S]+\n -- .+ <.+>  \\w{3}, \\d{2} \\w{3} \\d{4} [\\d:]{8} \\+0000\n$`,
      ),
    );
    const manual = gunzip('usr/share/man/man1/batchain.1.gz');
    for (const verb of JSON.parse(installed('help', '--json').stdout).commands.map(({ name }: { name: string }) => name))
      expect(manual).toMatch(new RegExp(`^\\.SS batchain ${verb}\\b`, 'm'));
    expect(gunzip('usr/share/man/man1/batchain-sample.1.gz')).toContain('.SH NAME\nbatchain\\-sample \\- ');
  });

  it('runs from there: version, init, start, status, stop; with what it brings along for data channels', () => {
    expect(installed('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
    const made = installed('init', '--name', 'deb', '--offer', '10MiB', '--no-input', '--json');
    expect(made.status, made.stderr).toBe(0);
    const started = installed('start', '--host', '127.0.0.1', '--kad-port', '0', '--bat-port', '0', '--no-lan-discovery', '--json');
    expect(started.status, started.stdout + started.stderr).toBe(0);
    expect(lastLine(installed('status', '--json').stdout)).toMatchObject({
      name: 'deb',
      version,
      home: join(home, '.local/share/batchain'),
      offer: { bytes: 10 * 2 ** 20 },
    });
    const stopped = installed('stop', '--json');
    expect(stopped.status, stopped.stderr).toBe(0);
    expect(installed('status', '--json').status).toBe(5);
    const program =
      "const { default: { getLibraryVersion } } = await import('node-datachannel'); console.log(getLibraryVersion()); process.exit(0);";
    const channels = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: join(root, 'usr/lib/batchain'),
      encoding: 'utf8',
    });
    expect(channels.stdout, channels.stderr).toMatch(/^\d+\.\d+\.\d+\n$/);
  }, 60_000);

  it('has a unit that starts what it installs, and that systemd understands', ({ skip }) => {
    const unit = inRoot('usr/lib/systemd/user/batchain.service');
    expect(unit).toMatch(/^Type=forking\nExecStart=\/usr\/bin\/batchain start$/m);
    for (const line of ['ProtectSystem=strict', 'MemoryMax=1G', 'NoNewPrivileges=yes', 'WantedBy=default.target'])
      expect(unit).toContain(`\n${line}\n`);
    if (run('systemd-analyze', ['--version']).status !== 0) skip('systemd-analyze is not installed: the unit was read, not verified');
    // It looks whether the program is there, which it is in this root only.
    const copy = join(folder, 'batchain.service');
    writeFileSync(copy, unit.replace('/usr/bin/batchain', join(root, 'usr/bin/batchain')));
    const verified = run('systemd-analyze', ['--user', '--man=no', 'verify', copy], { HOME: home, XDG_RUNTIME_DIR: join(home, 'run') });
    // Of other units on this computer it may say what it likes.
    expect(verified.stderr.split('\n').filter((line) => line.includes('batchain'))).toEqual([]);
  });

  it('is removed without a trace outside the homes of its users', ({ skip }) => {
    if (process.getuid?.() !== 0) skip('needs root: the files were laid out without the record of what is installed');
    const removed = run('dpkg', [`--root=${root}`, '--log=/dev/null', '--force-unsafe-io', '--remove', 'batchain']);
    expect(removed.status, removed.stderr).toBe(0);
    expect(existsSync(join(root, 'usr'))).toBe(false);
    expect(existsSync(join(home, '.local/share/batchain/identity'))).toBe(true);
  });
});

describe('what goes into the Debian package', () => {
  it('is what runs: no typings, maps, tests, or parts for other systems', () => {
    const runs = [
      'dist/main.js',
      'node_modules/a/LICENSE.md',
      'node_modules/classic-level/prebuilds/linux-x64/classic-level.node',
      'node_modules/@node-datachannel/linux-x64-gnu/package.json',
    ];
    const rests = [
      'dist/main.js.map',
      'node_modules/a/index.d.ts',
      'node_modules/a/README.md',
      'node_modules/a/test/all.js',
      'node_modules/@batchain/shared/.turbo/turbo-build.log',
      'node_modules/classic-level/prebuilds/linux-x64/classic-level.musl.node',
      'node_modules/classic-level/prebuilds/linux-arm64/classic-level.armv8.node',
      'node_modules/@node-datachannel/linux-x64-musl/package.json',
    ];
    expect([...runs, ...rests].filter((path) => runsHere(path, 'x64'))).toEqual(runs);
    // Programs are compiled against the tarball for npm, which is one for all systems.
    expect(rests.filter(isUsed)).toEqual(rests.filter((path) => /\.d\.ts$|\/prebuilds\/|@node-datachannel/.test(path)));
  });

  it('can not be built without dpkg-deb, which it says, with what helps', () => {
    const bare = join(folder, 'bare');
    mkdirSync(bare);
    const script = join(REPOSITORY, 'scripts/pack-deb.ts');
    const args = ['--conditions=@batchain/source', '--import', 'tsx', script, bare];
    const built = spawnSync(process.execPath, args, { cwd: REPOSITORY, encoding: 'utf8', env: { PATH: bare } });
    expect(built.status).toBe(1);
    expect(built.stderr).toBe(
      'error: the Debian package can not be built\nwhy:   dpkg-deb is not installed; on Debian and Ubuntu: apt-get install dpkg\n',
    );
  }, 20_000);
});
