// driven: which packages the command line needs at run time, and where each lies: the source of the tarball and of NOTICE.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('..', import.meta.url));

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package and where it goes below `node_modules` of the tarball: `[]` of parents for the top. */
export interface BundledPackage {
  readonly manifest: Manifest;
  readonly folder: string;
  /** `@batchain/shared`, or `a/node_modules/b` where two versions are needed. */
  readonly place: string;
  readonly isOurs: boolean;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** As Node looks a package up: in node_modules of the folder, then of those above it. */
function findPackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Everything that `packages/cli` needs, dependencies of dependencies included; the first version of a name takes the top place. Of
 * optional ones those that are installed: native parts for this platform.
 */
export function bundleTree(): BundledPackage[] {
  const tree = new Map<string, BundledPackage>();
  const add = (name: string, from: string, parentPlace: string | undefined, isOptional = false): void => {
    const folder = findPackage(name, from);
    if (folder === undefined && isOptional) return;
    if (folder === undefined) throw new Error(`${name} is not installed (needed by ${from})`);
    const top = tree.get(name);
    if (top?.folder === folder) return;
    const place = top === undefined ? name : `${parentPlace}/node_modules/${name}`;
    if (tree.has(place)) return;
    const manifest = readManifest(folder);
    tree.set(place, { manifest, folder, place, isOurs: folder.startsWith(join(ROOT, 'packages')) });
    for (const dependency of Object.keys(manifest.dependencies ?? {})) add(dependency, folder, place);
    for (const dependency of Object.keys(manifest.optionalDependencies ?? {})) add(dependency, folder, place, true);
  };
  const cli = join(ROOT, 'packages', 'cli');
  for (const dependency of Object.keys(readManifest(cli).dependencies ?? {})) add(dependency, cli, undefined);
  return [...tree.values()].sort((a, b) => (a.place < b.place ? -1 : 1));
}

/** The text of the package's own licence file, if it ships one. */
export function licenseText(folder: string): string | undefined {
  const name = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.|-|$)/i.test(entry));
  return name === undefined ? undefined : readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim();
}
