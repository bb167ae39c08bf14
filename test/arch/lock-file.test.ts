import { describe, expect, it } from 'vitest';
import { readText } from './source-tree.ts';

interface Locked {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly integrity?: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readText('package-lock.json')) as { readonly packages: Readonly<Record<string, Locked>> };

describe('package-lock.json', () => {
  it('names no host, so that it installs from any mirror', () => {
    const named = Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined && /^[a-z+]+:/i.test(resolved));
    expect(
      named.map(([path, { resolved }]) => `${path}: ${resolved} (omit-lockfile-registry-resolved=true in .npmrc, then npm install)`),
    ).toEqual([]);
  });

  // A mirror that serves only its own platform leaves these out at `npm install`, and `npm ci` then fails on every machine.
  it('names the packages of all platforms', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in lock.packages) && !(`${path}/node_modules/${name}` in lock.packages),
      ),
    );
    expect(missing, 'put back the entries that the last npm install dropped: git diff package-lock.json').toEqual([]);
  });

  it('names a checksum for everything but the tools of other platforms', () => {
    const isForeignTool = ({ os, libc, cpu, dev, optional }: Locked): boolean =>
      dev === true && optional === true && !(os?.includes('linux') && cpu?.includes('x64') && libc?.includes('musl') !== true);
    const bare = Object.entries(lock.packages).filter(
      ([path, one]) => path.includes('node_modules/') && one.link !== true && one.integrity === undefined && !isForeignTool(one),
    );
    expect(bare.map(([path]) => path)).toEqual([]);
  });

  it('holds exact versions for all direct dependencies', () => {
    const manifests = Object.keys(lock.packages).filter((path) => !path.includes('node_modules'));
    const loose = manifests.flatMap((path) => {
      const manifest = JSON.parse(readText(path === '' ? 'package.json' : `${path}/package.json`)) as Record<
        string,
        Readonly<Record<string, string>> | undefined
      >;
      const all = { ...manifest.dependencies, ...manifest.devDependencies };
      const ours = (name: string): boolean => lock.packages[`node_modules/${name}`]?.link === true;
      return Object.entries(all)
        .filter(([name, range]) => !ours(name) && !/^\d+\.\d+\.\d+$/.test(range))
        .map(([name, range]) => `${path || 'root'}: ${name} ${range}`);
    });
    expect(loose).toEqual([]);
  });
});
