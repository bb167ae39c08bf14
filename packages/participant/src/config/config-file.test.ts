import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatConfig, readConfigFile } from './config-file.ts';
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
    expect(formatConfig({ offer: 3 * 2 ** 30 })).toMatch(/^offer = "3GiB"$/m);
    expect(formatConfig({})).toMatch(/^# offer = "20GiB"$/m);
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
    expect(() => readConfigFile(path)).toThrow(
      expect.objectContaining({ code: 'BAT_E_CONFIG', why: 'line 2, column 12: invalid value: kad-port = = 3' }),
    );
    writeFileSync(path, 'name = "a"\nofer = 1\n');
    expect(() => readConfigFile(path)).toThrow(expect.objectContaining({ why: expect.stringContaining('line 2: "ofer" is no setting') }));
    writeFileSync(path, `a = ${'['.repeat(20_000)}`);
    expect(() => readConfigFile(path)).toThrow(expect.objectContaining({ code: 'BAT_E_CONFIG' }));
  });
});
