import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfigFile } from '../config/config-file.ts';
import { changeConfigFile } from './change-config-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'batchain-config-'));
const path = join(dir, 'config.toml');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a change of config.toml', () => {
  it('changes one setting and nothing else: a line, a comment that stands for it, a file without it, no file', () => {
    const { entropy } = createSystemRuntime();
    const change = (text: string | undefined, changes: Record<string, unknown>): string => {
      rmSync(path, { force: true });
      if (text !== undefined) writeFileSync(path, text);
      changeConfigFile(path, changes, entropy);
      return readFileSync(path, 'utf8');
    };
    expect(change('# mine\noffer = 1 # old\nname = "ana"\n', { offer: '5GiB' })).toBe('# mine\noffer = "5GiB"\nname = "ana"\n');
    expect(change('# offer = 3\njoin = [\n  "a:1",\n]\n', { offer: 4 })).toBe('offer = 4\njoin = [\n  "a:1",\n]\n');
    expect(change('name = "ana"', { relay: true, join: ['a:1', 'b:2'] })).toBe('name = "ana"\nrelay = true\njoin = [ "a:1", "b:2" ]\n');
    expect(change(undefined, { offer: 4 })).toContain('\noffer = 4\n');
    expect(readConfigFile(path)).toEqual({ offer: 4 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('leaves a file alone in which a command could only guess', () => {
    const { entropy } = createSystemRuntime();
    for (const text of ['join = [\n  "a:1",\n]\n', 'offer = = 1\n', 'name = """\njoin = 1\n"""\n']) {
      writeFileSync(path, text);
      expect(() => changeConfigFile(path, { join: ['b:2'] }, entropy)).toThrow(
        expect.objectContaining({ code: 'BAT_E_CONFIG', fix: `edit ${path}` }),
      );
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });

  it('keeps a link to the file where the settings really are', () => {
    const real = join(dir, 'dotfiles.toml');
    const link = join(dir, 'link.toml');
    writeFileSync(real, 'offer = 1\n');
    symlinkSync(real, link);
    changeConfigFile(link, { offer: 2 }, createSystemRuntime().entropy);
    expect([lstatSync(link).isSymbolicLink(), readFileSync(real, 'utf8')]).toEqual([true, 'offer = 2\n']);
  });
});
