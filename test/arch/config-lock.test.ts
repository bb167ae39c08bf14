import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { productFiles, ROOT } from './source-tree.ts';

/** Tables of text with checks of their own. */
const ELSEWHERE = new Set(['ERROR_CODES', 'COMMANDS']);

/** A value as JSON: bytes as hex, functions and class instances left out. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `hex:${Buffer.from(value).toString('hex')}`;
  if (value instanceof Set) return Array.from(value, plain);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map(plain).filter((item) => item !== undefined);
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined;
  const entries = Object.entries(value).map(([key, item]) => [key, plain(item)] as const);
  const kept = entries.filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

async function constantsOf(path: string, text: string): Promise<Record<string, unknown>> {
  const names = Array.from(text.matchAll(/^export const ([A-Z][A-Z0-9_]+)\b/gm), (match) => match[1] ?? '').filter(
    (name) => !ELSEWHERE.has(name),
  );
  if (names.length === 0) return {};
  const module = (await import(join(ROOT, path))) as Record<string, unknown>;
  const entries = names.map((name) => [name, plain(module[name])] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

describe('the config lock', () => {
  // A changed limit or default is a change of behaviour: it must show in a review, whatever file it hides in.
  // It loads nearly every module of all packages: 3 s alone on a processor, more than the 10 s of the other tests where many share it.
  it('holds every limit, default and constant of the packages', { timeout: 60_000 }, async () => {
    const all = await Promise.all(productFiles().map(async ({ path, text }) => [path, await constantsOf(path, text)] as const));
    const locked = Object.fromEntries(all.filter(([, constants]) => Object.keys(constants).length > 0));
    await expect(`${JSON.stringify(locked, null, 2)}\n`, 'meant so? `npm run locks` writes the new values').toMatchFileSnapshot(
      'config.lock.json',
    );
  });
});
