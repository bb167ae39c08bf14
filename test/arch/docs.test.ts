import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lineAt } from './source-text.ts';
import { listFiles, otherCode, packageFiles, ROOT, readText } from './source-tree.ts';

const documents = listFiles('').filter((path) => path.endsWith('.md'));

/** `## What it shows` -> `what-it-shows`, as the common renderers make anchors. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    Array.from(text.matchAll(/^#{1,6}\s+(.*)$/gm), ([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );

const withoutCode = (text: string): string =>
  text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ' ')).replace(/`[^`\n]*`/g, (code) => ' '.repeat(code.length));

const scripts = (JSON.parse(readText('package.json')) as { readonly scripts: Readonly<Record<string, string>> }).scripts;
const builtIn = new Set(['ci', 'install', 'uninstall', 'link', 'unlink', 'help', 'exec', 'outdated', 'sbom']);

describe('documents', () => {
  it.each(documents)('%s: links lead somewhere', (path) => {
    const text = readText(path);
    const wrong = Array.from(withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)).flatMap((match) => {
      const [target = '', anchor] = (match[1] ?? '').split('#');
      if (/^[a-z]+:/.test(target)) return [];
      const file = target === '' ? path : join(dirname(path), target);
      const place = `${path}:${lineAt(text, match.index)}`;
      if (!existsSync(join(ROOT, file))) return [`${place}: ${target} does not exist`];
      if (anchor === undefined || !file.endsWith('.md') || anchorsOf(readText(file)).has(anchor)) return [];
      return [`${place}: ${file} has no heading #${anchor}`];
    });
    expect(wrong).toEqual([]);
  });

  it.each(documents)('%s: npm commands exist', (path) => {
    const text = readText(path);
    const code = Array.from(text.matchAll(/^```[\s\S]*?^```|`[^`\n]+`/gm), (match) => match[0]).join('\n');
    const named = Array.from(code.matchAll(/\bnpm (?:(run) )?(?:-[\w-]+ )*([a-z][\w:-]*)/g));
    const wrong = named
      .filter(([, run, name = '']) => !(name in scripts) && (run !== undefined || !builtIn.has(name)))
      .map((match) => `${path}: \`${match[0]}\` is no script of package.json`);
    expect(wrong).toEqual([]);
  });

  it('of the tree are named in no other words than files that exist', () => {
    const paths = documents.flatMap((path) => {
      const text = readText(path);
      return Array.from(text.matchAll(/`((?:docs|test|packages|scripts|demos)\/[\w./-]+\.(?:ts|md|json|mjs))`/g), (match) => ({
        place: `${path}:${lineAt(text, match.index)}`,
        named: match[1] ?? '',
      }));
    });
    expect(
      paths.filter(({ named }) => !existsSync(join(ROOT, named))).map(({ place, named }) => `${place}: ${named} does not exist`),
    ).toEqual([]);
  });

  it('that code refers to exist', () => {
    const named = [...packageFiles(), ...otherCode()].flatMap(({ path, text }) =>
      Array.from(text.matchAll(/\bdocs\/[\w/-]+\.(?:md|json)\b/g), (match) => ({
        place: `${path}:${lineAt(text, match.index)}`,
        named: match[0],
      })),
    );
    expect(
      named.filter((one) => !existsSync(join(ROOT, one.named))).map(({ place, named: path }) => `${place}: ${path} does not exist`),
    ).toEqual([]);
  });
});
