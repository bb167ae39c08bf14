// What every command promises, checked on all of them; what they do is shown by the tests on real processes.
import { readFileSync } from 'node:fs';
import { environmentName, NODE_SETTINGS, peerView, type SettingTable, VERSION } from '@batchain/participant/client';
import { describe, expect, it } from 'vitest';
import { SEED_FLAGS } from '../argv/seed-flags.ts';
import { COMMANDS } from '../commands.ts';
import { GLOBAL_OPTIONS, SHORT_FLAGS } from '../global-options.ts';
import { bareHelp, commandHelp } from '../help-text.ts';

const RESERVED = ['a', 'd', 'h', 'l', 'o', 'p', 'q', 's', 'u', 'v', 'V'];

describe('BD-01 the commands', () => {
  it('are those of the contract, each once', () => {
    expect(COMMANDS.map(({ name }) => name).sort()).toEqual(
      'audit config dht doctor explain get hash help info init kv lab leave ls peers put rm sample serve shell start status stop version'.split(
        ' ',
      ),
    );
  });

  it('tell the version that is in package.json', () => {
    for (const folder of ['cli', 'participant']) {
      const text = readFileSync(new URL(`../../../${folder}/package.json`, import.meta.url), 'utf8');
      expect((JSON.parse(text) as { version: string }).version).toBe(VERSION);
    }
  });

  it('have a summary, an example and a deadline each', () => {
    for (const { name, summary, examples, timeoutMs } of COMMANDS) {
      expect([name, summary.length > 0, summary.endsWith('.'), examples.length > 0]).toEqual([name, true, false, true]);
      expect(
        typeof timeoutMs === 'number' ? timeoutMs > 0 : ['own', 'function'].includes(timeoutMs === 'own' ? 'own' : typeof timeoutMs),
        name,
      ).toBe(true);
      for (const [line] of examples) expect(line).toMatch(/^batchain /);
    }
  });

  it('give no flag two meanings, and no reserved letter another one', () => {
    for (const { name, options } of COMMANDS) {
      const shared = Object.keys(options as SettingTable).filter((key) => Object.hasOwn(GLOBAL_OPTIONS, key) && key !== 'log-level');
      expect([name, shared]).toEqual([name, []]);
    }
    const letters = Object.values(SHORT_FLAGS);
    expect(new Set(letters).size).toBe(letters.length);
    for (const letter of letters) expect(RESERVED).toContain(letter);
    for (const letter of Object.keys(SEED_FLAGS)) expect(letters).not.toContain(letter);
  });

  it('BD-08 have a variable for each long flag, all different', () => {
    const keys = [...Object.keys(GLOBAL_OPTIONS), ...new Set(COMMANDS.flatMap(({ options }) => Object.keys(options as SettingTable)))];
    const names = new Set([...new Set(keys)].map(environmentName));
    expect(names.size).toBe(new Set(keys).size);
    for (const name of names) expect(name).toMatch(/^BATCHAIN_[A-Z_]+$/);
  });

  it('take every setting of a node on start', () => {
    const start = COMMANDS.find(({ name }) => name === 'start');
    for (const key of Object.keys(NODE_SETTINGS)) expect(Object.keys(start?.options as SettingTable)).toContain(key);
  });

  it('peers explains each word of PATH in its help', () => {
    const peers = COMMANDS.find(({ name }) => name === 'peers');
    const lines = commandHelp(peers as (typeof COMMANDS)[number]);
    for (const path of peerView.shape.path.options)
      expect(lines, path).toContainEqual(expect.stringMatching(new RegExp(`^  ${path} +\\w`)));
  });

  it('BN-53 are all in the help, which stays within 80 columns on the first screen', () => {
    const bare = bareHelp(COMMANDS);
    for (const { name } of COMMANDS) expect(bare.join('\n')).toContain(name);
    for (const line of bare) expect(line.length, line).toBeLessThanOrEqual(84);
    for (const command of COMMANDS) expect(commandHelp(command).join('\n')).toContain(command.examples[0]?.[0]);
  });
});
