import { describe, expect, it } from 'vitest';
import { readText } from './source-tree.ts';

interface Locked {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly integrity?: string;
}

const lock = JSON.parse(readText('package-lock.json')) as { readonly packages: Readonly<Record<string, Locked>> };

describe('package-lock.json', () => {
  it('names no host, so that it installs from any mirror', () => {
    const named = Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined && /^[a-z+]+:/i.test(resolved));
    expect(
      named.map(([path, { resolved }]) => `${path}: ${resolved} (omit-lockfile-registry-resolved=true in .npmrc, then npm install)`),
    ).toEqual([]);
  });

  it('names a checksum for everything that is downloaded', () => {
    const bare = Object.entries(lock.packages).filter(
      ([path, { link, integrity }]) => path.includes('node_modules/') && link !== true && integrity === undefined,
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
