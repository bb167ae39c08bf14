// driven: builds the Debian package of the command line, for the architecture that it runs on. `npm run pack:deb [FOLDER]`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  lutimesSync,
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
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ROOT, readManifest } from './bundle-tree.ts';
import {
  debianArchitecture,
  debianVersion,
  formatChangelog,
  formatControl,
  formatCopyright,
  libcVersion,
  nodeDependency,
} from './deb-texts.ts';
import { formatManPage, formatSampleManPage } from './man-page.ts';
import { stageCli } from './pack-cli.ts';
import { runsHere } from './shipped-files.ts';

/** What keeps the package from being built; the texts say what helps. */
class CannotPack extends Error {}

const COMMANDS = ['batchain', 'batchain-sample'] as const;

/** Why no Debian package can be built here; undefined when one can. */
export function whyNoDeb(): string | undefined {
  if (spawnSync('dpkg-deb', ['--version']).error !== undefined) return 'dpkg-deb is not installed';
  if (process.platform !== 'linux') return `native parts are those of this computer, which runs ${process.platform}, not Linux`;
  if (debianArchitecture(process.arch) === undefined) return `there are no native parts for ${process.arch}`;
  return undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Seconds: SOURCE_DATE_EPOCH, else when the last commit was made, else when the changelog was written. */
function sourceEpoch({ SOURCE_DATE_EPOCH: given }: Environment): number {
  if (given !== undefined && /^\d{1,11}$/.test(given)) return Number(given);
  if (given !== undefined) throw new CannotPack(`SOURCE_DATE_EPOCH is ${JSON.stringify(given)}: seconds since 1970 are wanted`);
  const committed = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' });
  if (committed.status === 0 && /^\d+\n$/.test(committed.stdout)) return Number(committed.stdout);
  return Math.floor(statSync(join(ROOT, 'CHANGELOG.md')).mtimeMs / 1000);
}

/** Everything below, folders before what is in them, in the order of their names. */
function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...walk(path)] : [path];
    });
}

const isFolder = (path: string): boolean => lstatSync(path).isDirectory();
const isFile = (path: string): boolean => lstatSync(path).isFile();

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

const writePacked = (path: string, text: string): void => write(path, gzipSync(text, { level: 9 }));

/** `/usr/lib/batchain`: the command line with what it needs. */
function putProgram(root: string): void {
  const lib = join(root, 'usr', 'lib', 'batchain');
  mkdirSync(lib, { recursive: true });
  stageCli(lib, (path) => runsHere(path, process.arch));
  // Deepest first, so that a folder of empty folders goes too.
  for (const path of walk(lib).reverse()) if (isFolder(path) && readdirSync(path).length === 0) rmSync(path, { recursive: true });
  for (const name of ['LICENSE', 'NOTICE']) rmSync(join(lib, name));
  mkdirSync(join(root, 'usr', 'bin'), { recursive: true });
  for (const name of COMMANDS) {
    const program = join(lib, 'bin', `${name}.mjs`);
    // The Node that the package depends on, whatever else comes first in the PATH of a user.
    writeFileSync(program, readFileSync(program, 'utf8').replace(/^#!.*\n/, '#!/usr/bin/node\n'));
    symlinkSync(`../lib/batchain/bin/${name}.mjs`, join(root, 'usr', 'bin', name));
  }
}

function putPapers(root: string, version: string, maintainer: string, epoch: number): void {
  const share = join(root, 'usr', 'share');
  const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
  const date = new Date(epoch * 1000);
  const day = date.toISOString().slice(0, 10);
  write(join(root, 'usr', 'lib', 'systemd', 'user', 'batchain.service'), text('packaging/debian/batchain.service'));
  write(join(share, 'doc', 'batchain', 'copyright'), formatCopyright(text('LICENSE'), text('packages/cli/NOTICE')));
  writePacked(join(share, 'doc', 'batchain', 'changelog.gz'), formatChangelog(text('CHANGELOG.md'), { version, maintainer, date }));
  writePacked(join(share, 'man', 'man1', 'batchain.1.gz'), formatManPage(version, day));
  writePacked(join(share, 'man', 'man1', 'batchain-sample.1.gz'), formatSampleManPage(version, day));
}

/** Owners are dpkg-deb's matter; who may read and run, and when it was made, is not left to the machine that builds. */
function settle(root: string, epoch: number): void {
  const lib = join(root, 'usr', 'lib', 'batchain');
  const programs = new Set(COMMANDS.map((name) => join(lib, 'bin', `${name}.mjs`)));
  for (const path of [root, ...walk(root)].reverse()) {
    const stats = lstatSync(path);
    if (!stats.isSymbolicLink()) chmodSync(path, stats.isDirectory() || programs.has(path) ? 0o755 : 0o644);
    lutimesSync(path, epoch, epoch);
  }
}

function putControl(root: string, version: string, maintainer: string, architecture: string): void {
  const paths = walk(root).filter((path) => isFile(path));
  const natives = paths.filter((path) => path.endsWith('.node'));
  for (const part of ['classic-level', 'node-datachannel']) {
    if (!natives.some((path) => path.includes(part)))
      throw new CannotPack(`the native part of ${part} for Linux on ${process.arch} is not installed: npm ci`);
  }
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'packages', 'cli', 'package.json'), 'utf8')) as { engines: { node: string } };
  const libc = libcVersion(natives.map((path) => readFileSync(path)));
  const depends = [nodeDependency(engines.node), `libc6 (>= ${libc})`, 'libgcc-s1', 'libstdc++6'];
  const installedKib = paths.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  const sums = paths.map((path) => `${createHash('md5').update(readFileSync(path)).digest('hex')}  ${relative(root, path)}\n`);
  write(join(root, 'DEBIAN', 'control'), formatControl({ version, architecture, maintainer, depends, installedKib }));
  write(join(root, 'DEBIAN', 'md5sums'), sums.join(''));
}

/**
 * Packs what was built into `target` and returns the package's path. The same source, DEBFULLNAME, DEBEMAIL and SOURCE_DATE_EPOCH give
 * the same bytes.
 */
export function packDeb(target: string, environment: Environment = process.env): string {
  const problem = whyNoDeb();
  const architecture = debianArchitecture(process.arch);
  if (problem !== undefined || architecture === undefined) throw new CannotPack(`${problem}; on Debian and Ubuntu: apt-get install dpkg`);
  const { version } = readManifest(join(ROOT, 'packages', 'cli'));
  const { DEBFULLNAME: name = 'The BatChain authors', DEBEMAIL: email = 'batchain@example.invalid' } = environment;
  const maintainer = `${name} <${email}>`;
  const epoch = sourceEpoch(environment);
  const folder = mkdtempSync(join(tmpdir(), 'batchain-deb-'));
  try {
    const root = join(folder, 'root');
    putProgram(root);
    putPapers(root, version, maintainer, epoch);
    putControl(root, version, maintainer, architecture);
    settle(root, epoch);
    mkdirSync(target, { recursive: true });
    const file = join(target, `batchain_${debianVersion(version)}_${architecture}.deb`);
    const env = { ...environment, SOURCE_DATE_EPOCH: String(epoch) };
    // gzip: every dpkg reads it, and its bytes do not depend on how many cores pack.
    const built = spawnSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z6', '--build', root, file], { env, encoding: 'utf8' });
    if (built.status !== 0) throw new CannotPack(`dpkg-deb failed: ${built.stderr}`);
    return file;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(packDeb(resolve(process.argv[2] ?? '.')));
  } catch (error) {
    if (!(error instanceof CannotPack)) throw error;
    console.error(`error: the Debian package can not be built\nwhy:   ${error.message}`);
    process.exitCode = 1;
  }
}
