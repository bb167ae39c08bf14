// driven: makes one tarball of the command line with everything in it, so that it installs without a network. `npm run pack:cli [FOLDER]`.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BundledPackage, bundleTree, type Manifest, ROOT, readManifest } from './bundle-tree.ts';
import { isUsed } from './shipped-files.ts';

/** Entries not needed at run time, and not told by their names. A `binding.gyp` would make npm compile what lies prebuilt beside it. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  'classic-level': ['binding.gyp', 'binding.cc', 'deps'],
  'node-datachannel': ['src', 'CMakeLists.txt', 'rollup.config.mjs', 'tsconfig.json'],
  pino: ['docs'],
  zod: ['src'],
};
const OURS_LEFT_OUT = ['src', 'tsconfig.json'];

type AnyManifest = Manifest & Record<string, any>;

/** The manifest as it is shipped: nothing to run or to fetch at install time, nothing that points at sources that are not there. */
function shippedManifest(manifest: AnyManifest, isOurs: boolean): AnyManifest {
  const { scripts: _scripts, devDependencies: _dev, gypfile: _gyp, optionalDependencies: _optional, ...rest } = manifest;
  if (!isOurs) return rest;
  const exports = Object.fromEntries(
    Object.entries(rest.exports as Record<string, Record<string, string>>).map(([entry, conditions]) => {
      const { '@batchain/source': _source, ...kept } = conditions;
      return [entry, kept];
    }),
  );
  return { ...rest, exports };
}

function copyPackage({ manifest, folder, isOurs }: BundledPackage, target: string, isWanted: (path: string) => boolean): void {
  const leftOut = new Set(
    [...(isOurs ? OURS_LEFT_OUT : (LEFT_OUT[manifest.name] ?? [])), 'node_modules'].map((entry) => join(folder, entry)),
  );
  mkdirSync(target, { recursive: true });
  cpSync(folder, target, {
    recursive: true,
    dereference: true,
    filter: (source) => !leftOut.has(source) && isWanted(relative(folder, source)),
  });
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(shippedManifest(manifest as AnyManifest, isOurs), null, 2)}\n`);
}

/** Lays out in `folder` what is shipped: the command line and everything that it needs, of that what `isWanted` (paths below `folder`). */
export function stageCli(folder: string, isWanted: (path: string) => boolean): void {
  const cli = join(ROOT, 'packages', 'cli');
  const tree = bundleTree();
  for (const name of ['bin', 'dist', 'NOTICE']) {
    const filter = (source: string): boolean => isWanted(relative(cli, source));
    cpSync(join(cli, name), join(folder, name), { recursive: true, filter });
  }
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  for (const entry of tree) {
    const place = join('node_modules', entry.place);
    copyPackage(entry, join(folder, place), (path) => isWanted(join(place, path)));
  }
  const manifest = shippedManifest(readManifest(cli) as AnyManifest, true);
  const top = tree.filter((entry) => !entry.place.includes('/node_modules/'));
  const dependencies = Object.fromEntries(top.map(({ manifest: { name, version } }) => [name, version]));
  const shipped = { ...manifest, dependencies, bundleDependencies: Object.keys(dependencies) };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(shipped, null, 2)}\n`);
  for (const name of ['batchain', 'batchain-sample']) chmodSync(join(folder, 'bin', `${name}.mjs`), 0o755);
}

/** Packs what was built into `target` and returns the tarball's path. */
export function packCli(target: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'batchain-pack-'));
  try {
    stageCli(folder, isUsed);
    mkdirSync(target, { recursive: true });
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', target];
    const packed = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
    if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
    const [result] = JSON.parse(packed.stdout) as { filename: string }[];
    return join(target, result?.filename ?? '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(packCli(resolve(process.argv[2] ?? '.')));
