import { describe, expect, it } from 'vitest';
import { productFiles, resolveRelative, type SourceFile, sourceFile } from './source-tree.ts';

/** One exported name: `class KadNode`, `type Contact`, ... */
type Exported = { readonly name: string; readonly kind: string };

const DECLARATION = /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(const|let|function\*?|class|interface|type)\s+(\w+)/gm;
const NAMED = /^export\s+(type\s+)?\{([^}]*)\}(?:\s*from\s*'([^']+)')?/gm;
const ALL = /^export\s+\*\s+from\s*'([^']+)'/gm;

/** What a file exports, re-exports followed, without running anything: types count as well. */
function exportsOf(file: SourceFile): Exported[] {
  const own = Array.from(file.text.matchAll(DECLARATION), (match) => ({ kind: match[1] ?? '', name: match[2] ?? '' }));
  const named = Array.from(file.text.matchAll(NAMED)).flatMap(([, isType, list, from]) => {
    const origin = from?.startsWith('.') ? exportsOf(sourceFile(resolveRelative(file, from))) : [];
    const items = (list ?? '').split(',').map((item) => item.trim().replace(/^type\s+/, ''));
    return items
      .filter((item) => item !== '')
      .map((item) => {
        const [original = '', alias] = item.split(/\s+as\s+/);
        const kind = origin.find(({ name }) => name === original)?.kind ?? (isType ? 'type' : 'value');
        return { name: alias ?? original, kind };
      });
  });
  const all = Array.from(file.text.matchAll(ALL), (match) => match[1] ?? '').flatMap((from) =>
    from.startsWith('.') ? exportsOf(sourceFile(resolveRelative(file, from))) : [{ name: `* from ${from}`, kind: 'all' }],
  );
  return [...own, ...named, ...all];
}

const entries = productFiles().filter(({ inPackage }) => /^(?:node\/|testing\/)?index\.ts$/.test(inPackage));

describe('the public surface', () => {
  it.each(entries.map(({ package: name, inPackage }) => [`${name}/${inPackage}`]))('of %s is what is on record', async (title) => {
    const file = entries.find(({ package: name, inPackage }) => `${name}/${inPackage}` === title);
    const lines = [...new Set((file === undefined ? [] : exportsOf(file)).map(({ name, kind }) => `${name} (${kind})`))].sort();
    const record = `public-api/${title.replace(/\/?index\.ts$/, '').replaceAll('/', '-')}.txt`;
    await expect(`${lines.join('\n')}\n`, 'meant so? `npm run locks` writes it down').toMatchFileSnapshot(record);
  });
});
