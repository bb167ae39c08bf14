import { describe, expect, it } from 'vitest';
import { type GuardRules, judgeOrigin, judgeToken } from './gateway-guard.ts';

const TOKEN = 'a'.repeat(43);
const rules = (host: string, port: number, more: Partial<GuardRules> = {}): GuardRules => ({
  bound: { host, port },
  ownHosts: () => ['127.0.0.1', '192.0.2.2', 'fd00::2'],
  token: undefined,
  ...more,
});
const hostStatus = (host: string | undefined, of: GuardRules): number | undefined =>
  judgeOrigin(host === undefined ? {} : { host }, of)?.status;

describe('judgeOrigin (T17)', () => {
  it("hears the names of loopback with the port, and HTTP's own port without", () => {
    const loopback = rules('127.0.0.1', 8000);
    for (const host of ['127.0.0.1:8000', 'localhost:8000', 'LocalHost:8000', '[::1]:8000'])
      expect(hostStatus(host, loopback)).toBeUndefined();
    for (const host of ['127.0.0.1', 'localhost', '127.0.0.1:80']) expect(hostStatus(host, rules('127.0.0.1', 80))).toBeUndefined();
    expect(hostStatus('127.0.0.1', loopback)).toBe(403);
  });

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example:8000',
    'localhost:8000.evil.example',
    '127.0.0.1:8000@evil.example',
    '127.0.0.1.nip.io:8000',
    '127.0.0.1:8001',
    '127.1:8000',
    '2130706433:8000',
    '0.0.0.0:8000',
    'localhost.:8000',
    ' localhost:8000',
    '[::ffff:127.0.0.1]:8000',
    '192.0.2.2:8000',
  ])('Host %s is none of a gateway on loopback', (host) => {
    expect(hostStatus(host, rules('127.0.0.1', 8000))).toBe(403);
  });

  it('hears the address that it was told to listen on, and on all interfaces those of this machine', () => {
    expect(hostStatus('192.0.2.2:8000', rules('192.0.2.2', 8000))).toBeUndefined();
    expect(hostStatus('[fd00::2]:8000', rules('fd00::2', 8000))).toBeUndefined();
    expect(hostStatus('192.0.2.3:8000', rules('192.0.2.2', 8000))).toBe(403);
    for (const every of ['0.0.0.0', '::']) {
      for (const host of ['192.0.2.2:8000', '[fd00::2]:8000', 'localhost:8000'])
        expect(hostStatus(host, rules(every, 8000))).toBeUndefined();
      expect(hostStatus('nas.example:8000', rules(every, 8000))).toBe(403);
    }
  });

  it('refuses whatever bears an Origin, and what a browser says it sends for a page', () => {
    const host = 'localhost:8000';
    for (const origin of ['http://evil.example', 'null', 'http://localhost:8000', ''])
      expect(judgeOrigin({ host, origin }, rules('127.0.0.1', 8000))?.status).toBe(403);
    for (const site of ['cross-site', 'same-site', 'same-origin'])
      expect(judgeOrigin({ host, 'sec-fetch-site': site }, rules('127.0.0.1', 8000))?.status).toBe(403);
    expect(judgeOrigin({ host, 'sec-fetch-site': 'none' }, rules('127.0.0.1', 8000))).toBeUndefined();
  });
});

describe('judgeToken', () => {
  const status = (authorization: string | undefined, from: string | undefined, of: GuardRules): number | undefined =>
    judgeToken(authorization, from, of)?.status;

  it('asks this machine for none where it listens to this machine alone', () => {
    expect(status(undefined, '127.0.0.1', rules('127.0.0.1', 8000))).toBeUndefined();
    expect(status(undefined, '::1', rules('::1', 8000))).toBeUndefined();
  });

  it('asks everybody for it elsewhere, and where a token was named', () => {
    const off = rules('0.0.0.0', 8000, { token: TOKEN });
    expect(status(undefined, '127.0.0.1', off)).toBe(401);
    expect(status(undefined, '192.0.2.9', off)).toBe(401);
    expect(status(undefined, '127.0.0.1', rules('127.0.0.1', 8000, { token: TOKEN }))).toBe(401);
    expect(status(`Bearer ${TOKEN}`, '192.0.2.9', off)).toBeUndefined();
    expect(status(`bearer  ${TOKEN} `, '192.0.2.9', off)).toBeUndefined();
  });

  it('lets nobody in from elsewhere when there is no token at all', () => {
    for (const authorization of [undefined, 'Bearer ', 'Bearer undefined', `Bearer ${TOKEN}`]) {
      expect(status(authorization, '192.0.2.9', rules('127.0.0.1', 8000))).toBe(401);
      expect(status(authorization, '127.0.0.1', rules('0.0.0.0', 8000))).toBe(401);
      expect(status(authorization, undefined, rules('127.0.0.1', 8000))).toBe(401);
    }
  });

  it.each([
    '',
    'Bearer',
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer ${TOKEN} ${TOKEN}`,
    `Bearer ${TOKEN.toUpperCase()}`,
  ])('%s is not the token', (authorization) => {
    const refusal = judgeToken(authorization, '127.0.0.1', rules('127.0.0.1', 8000, { token: TOKEN }));
    expect(refusal?.status).toBe(401);
    expect(refusal?.headers['www-authenticate']).toMatch(/^Bearer /);
    expect(JSON.stringify(refusal)).not.toContain(TOKEN);
  });
});
