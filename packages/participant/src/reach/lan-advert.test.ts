import type { NodeId } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { lanNetworkTag, makeLanAdvert, readLanWords } from './lan-advert.ts';
import { isOnLink } from './on-link.ts';

const id = (byte: number): NodeId => new Uint8Array(32).fill(byte) as NodeId;

describe('an announcement on the LAN', () => {
  const advert = makeLanAdvert(id(7), 'abcd', 4870);

  it('is read as it was written, with the address that it came from', () => {
    const read = readLanWords({ source: '192.168.1.5', port: advert.port, text: advert.text });
    expect(read).toEqual({ ok: true, value: { nodeId: id(7), networkTag: 'abcd', kadAddress: { host: '192.168.1.5', port: 4870 } } });
  });

  it('has names that are one DNS label each and do not tell the name of the machine', () => {
    expect(advert.name).toBe('batchain-0707070707070707');
    expect(advert.host).toBe('batchain-0707070707070707.local');
  });

  it.each([
    ['no TXT record', { text: undefined }],
    ['a text', { text: 'v=1' }],
    ['no id', { text: { v: '1', net: 'abcd' } }],
    ['a short id', { text: { ...advert.text, id: 'AAAA' } }],
    ['an id that is no base64url', { text: { ...advert.text, id: `${advert.text.id}=` } }],
    ['a number as id', { text: { ...advert.text, id: 7 } }],
    ['no network', { text: { v: '1', id: advert.text.id } }],
    ['port 0', { port: 0 }],
    ['port 70000', { port: 70_000 }],
    ['a port in letters', { port: '4870' }],
    ['a name as source', { source: 'router.local' }],
  ])('with %s is malformed', (_, change) => {
    expect(readLanWords({ source: '192.168.1.5', port: 4870, text: advert.text, ...change })).toMatchObject({ reason: 'malformed' });
  });

  it('of another version is told apart', () => {
    expect(readLanWords({ source: '10.0.0.1', port: 1, text: { ...advert.text, v: '2' } })).toMatchObject({
      reason: 'unsupported-version',
    });
  });

  it('names its network by a tag that differs with the key', () => {
    const tags = [1, 2].map((byte) => lanNetworkTag(id(byte)));
    expect(tags[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(tags[0]).not.toBe(tags[1]);
  });
});

describe('the network of an interface', () => {
  const lan = { name: 'eth0', host: '192.168.18.5', prefixBits: 23 };

  it.each([
    ['192.168.18.1', true],
    ['192.168.19.255', true],
    ['192.168.20.1', false],
    ['192.168.17.255', false],
    ['fe80::1', false],
    ['nonsense', false],
  ])('holds %s: %s', (host, expected) => expect(isOnLink(host, lan)).toBe(expected));

  it('of a point-to-point link is its own address alone', () => {
    expect(isOnLink('10.0.0.2', { ...lan, host: '10.0.0.1', prefixBits: 32 })).toBe(false);
    expect(isOnLink('10.0.0.1', { ...lan, host: '10.0.0.1', prefixBits: 32 })).toBe(true);
  });
});
