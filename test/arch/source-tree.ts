// driven: the files of the repository as the architecture tests see them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, type ImportOf, importsOf } from './source-text.ts';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

const PASSED_OVER = new Set(['node_modules', 'dist', '.git', '.turbo', 'coverage', 'work']);

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments and strings. */
  readonly code: string;
  readonly imports: readonly ImportOf[];
}

/** A file below `packages/<name>/src`. */
export interface PackageFile extends SourceFile {
  /** Folder name of the package: `shared`, `kad-node`, ... */
  readonly package: string;
  /** From `src`: `routing/k-bucket.ts`. */
  readonly inPackage: string;
  readonly isTest: boolean;
}

/** Paths of all files below a folder of the repository, sorted; `''` for the whole of it. */
export function listFiles(folder: string): string[] {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (PASSED_OVER.has(entry.name)) continue;
      const below = join(path, entry.name);
      if (entry.isDirectory()) walk(below);
      else if (entry.isFile()) found.push(relative(ROOT, below).split(sep).join('/'));
    }
  };
  const start = join(ROOT, folder);
  if (existsSync(start)) walk(start);
  return found.sort();
}

export const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const cache = new Map<string, SourceFile>();

export function sourceFile(path: string): SourceFile {
  const known = cache.get(path);
  if (known !== undefined) return known;
  const text = readText(path);
  const file = { path, text, code: codeOf(text), imports: importsOf(text) };
  cache.set(path, file);
  return file;
}

/** Every TypeScript file of the packages, tests included. */
export function packageFiles(): PackageFile[] {
  return listFiles('packages')
    .filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
    .map((path) => {
      const [, name = '', , ...rest] = path.split('/');
      return { ...sourceFile(path), package: name, inPackage: rest.join('/'), isTest: path.endsWith('.test.ts') };
    });
}

/** The packages' own code: no tests. */
export const productFiles = (): PackageFile[] => packageFiles().filter(({ isTest }) => !isTest);

/** Everything written in TypeScript or JavaScript outside the packages. */
export const otherCode = (): SourceFile[] =>
  ['test', 'demos', 'scripts']
    .flatMap(listFiles)
    .filter((path) => /\.(ts|mjs|js)$/.test(path))
    .map(sourceFile);

/** Names of the packages by folder: `kad-node` -> `@batchain/kad-node`. */
export function packageNames(): Map<string, string> {
  const names = new Map<string, string>();
  for (const path of listFiles('packages').filter((file) => /^packages\/[^/]+\/package\.json$/.test(file))) {
    const { name } = JSON.parse(readText(path)) as { readonly name: string };
    names.set(path.split('/')[1] ?? '', name);
  }
  return names;
}

/** Path of the file that a relative import names. */
export const resolveRelative = (file: SourceFile, specifier: string): string => posix.normalize(posix.join(dirname(file.path), specifier));

/** One readable line per violation; an empty list is a pass. */
export const at = (file: SourceFile, line: number, message: string): string => `${file.path}:${line}: ${message}`;
