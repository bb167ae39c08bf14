import { BatChainError } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { NODE_SETTINGS } from './node-settings.ts';
import { environmentName, resolveSettings } from './resolve-settings.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof BatChainError) return `${error.code} ${error.what}: ${error.why}`;
  }
  return 'no error';
};

describe('settings', () => {
  it('BD-08 takes a flag before the environment, that before the file, and the default last, and knows which it was', () => {
    const resolved = resolveSettings(NODE_SETTINGS, {
      flags: { offer: '1GiB' },
      env: { BATCHAIN_OFFER: '2GiB', BATCHAIN_KEEP_FREE: '0' },
      file: { offer: '3GiB', 'keep-free': '4GiB', 'kad-port': 5000 },
    });
    expect(resolved.values).toMatchObject({ offer: 2 ** 30, 'keep-free': 0, 'kad-port': 5000, 'bat-port': 4880 });
    expect(resolved.origins).toMatchObject({ offer: 'flag', 'keep-free': 'environment', 'kad-port': 'file', 'bat-port': 'default' });
  });

  it('gives every setting a twin in the environment', () => {
    expect(environmentName('network-secret-file')).toBe('BATCHAIN_NETWORK_SECRET_FILE');
    const texts: Record<string, string> = {
      name: 'ana',
      offer: '1g',
      'keep-free': '2g',
      host: '127.0.0.1',
      'kad-port': '0',
      'bat-port': '1',
      join: '127.0.0.1:4870,[::1]:1',
      network: 'n',
      'network-secret-file': '/s',
      relay: 'true',
      'no-lan-discovery': 'true',
      'http-port': '8000',
      'http-host': 'localhost',
      'http-token-file': '/t',
      profile: 'demo',
      'log-level': 'debug',
    };
    const env = Object.fromEntries(Object.entries(texts).map(([key, text]) => [environmentName(key), text]));
    const { values, origins } = resolveSettings(NODE_SETTINGS, { env });
    expect(Object.values(origins)).toEqual(Object.keys(NODE_SETTINGS).map(() => 'environment'));
    expect(values).toEqual({
      name: 'ana',
      offer: 2 ** 30,
      'keep-free': 2 ** 31,
      host: '127.0.0.1',
      'kad-port': 0,
      'bat-port': 1,
      join: ['127.0.0.1:4870', '[::1]:1'],
      network: 'n',
      'network-secret-file': '/s',
      relay: true,
      'no-lan-discovery': true,
      'http-port': 8000,
      'http-host': '127.0.0.1',
      'http-token-file': '/t',
      profile: 'demo',
      'log-level': 'debug',
    });
  });

  it('names the place of a wrong value and what would be right', () => {
    expect(codeOf(() => resolveSettings(NODE_SETTINGS, { flags: { offer: 'lots' } }))).toBe(
      'BAT_E_USAGE --offer: "lots" can not be used: expected a size such as 50GiB, 50GB, 50g or 0',
    );
    expect(codeOf(() => resolveSettings(NODE_SETTINGS, { env: { BATCHAIN_KAD_PORT: '70000' } }))).toContain(
      'BAT_E_CONFIG BATCHAIN_KAD_PORT',
    );
    expect(codeOf(() => resolveSettings(NODE_SETTINGS, { file: { join: ['no/where'] }, filePath: '/h/config.toml' }))).toContain(
      'BAT_E_CONFIG join in /h/config.toml: "no/where" can not be used: no/where is no HOST:PORT; a port is 1 to 65535',
    );
  });

  it('a member without a port is at the port that every node has', () => {
    const joins = (text: string) => resolveSettings(NODE_SETTINGS, { flags: { join: text } }).values.join;
    expect(joins('ana bo.example,10.0.0.7 ::1 [fe00::2] cleo:7')).toEqual([
      'ana:4870',
      'bo.example:4870',
      '10.0.0.7:4870',
      '[::1]:4870',
      '[fe00::2]:4870',
      'cleo:7',
    ]);
    for (const wrong of ['ana:', 'ana:0', 'ana:70000', 'a/b', '.', 'a..b']) expect(() => joins(wrong), wrong).toThrow('can not be used');
  });
});
