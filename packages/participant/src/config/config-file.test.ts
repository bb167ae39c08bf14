import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterAll, describe, expect, it } from 'vitest';
import { changeConfigFile, formatConfig, readConfigFile } from './config-file.ts';
import { NODE_SETTINGS } from './node-settings.ts';
import { resolveSettings } from './resolve-settings.ts';

const dir = mkdtempSync(join(tmpdir(), 'batchain-config-'));
const path = join(dir, 'config.toml');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('BD-08 config.toml', () => {
  it('is one editable file that names every setting with its default', () => {
    const text = formatConfig({ name: 'ana-laptop', offer: '3GiB' });
    for (const key of Object.keys(NODE_SETTINGS)) expect(text).toMatch(new RegExp(`^(# )?${key} = `, 'm'));
    writeFileSync(path, text);
    expect(readConfigFile(path)).toEqual({ name: 'ana-laptop', offer: '3GiB' });
  });

  it('says the same when every comment sign before a setting is taken away', () => {
    writeFileSync(
      path,
      formatConfig({})
        .replace(/^# (?=[a-z-]+ = )/gm, '')
        .replace(/^.* = ""\n/gm, ''),
    );
    const fromFile = resolveSettings(NODE_SETTINGS, { file: readConfigFile(path) });
    expect(fromFile.values).toEqual(resolveSettings(NODE_SETTINGS, {}).values);
  });

  it('is not needed', () => {
    expect(readConfigFile(join(dir, 'none.toml'))).toEqual({});
  });

  it('names line and column of a mistake, and a setting that does not exist', () => {
    writeFileSync(path, 'offer = 1\nkad-port = = 3\n');
    expect(() => readConfigFile(path)).toThrow(expect.objectContaining({ code: 'BAT_E_CONFIG', why: expect.stringContaining('line 2') }));
    writeFileSync(path, 'ofer = 1\n');
    expect(() => readConfigFile(path)).toThrow(expect.objectContaining({ why: expect.stringContaining('"ofer" is no setting') }));
    writeFileSync(path, `a = ${'['.repeat(20_000)}`);
    expect(() => readConfigFile(path)).toThrow(expect.objectContaining({ code: 'BAT_E_CONFIG' }));
  });

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
});
