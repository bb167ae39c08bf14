import {
  type Address,
  type ContactFlags,
  type ContactRecord,
  keyPairFromSeed,
  type NodeId,
  sha256,
  signContact,
  uintBytes,
} from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { SIGNAL_WAYS_MAX } from '../limits.ts';
import { SignalWays, waysOfRecord } from './signal-ways.ts';

const key = (n: number) => keyPairFromSeed(sha256(uintBytes(n, 4)));
const id = (n: number): NodeId => key(n).nodeId;
const at = (host: string, port = 4870): Address => ({ host, port });
const FLAGS: ContactFlags = { isPublic: false, relays: false, stores: true, isLeaving: false, hasNoUdp: false };

function recordOf(kadAddresses: readonly Address[], flags: Partial<ContactFlags> = {}): ContactRecord {
  const brokers = [2, 3].map((n) => ({ nodeId: id(n), kad: at(`203.0.113.${n}`) }));
  return signContact(key(1), {
    sequence: 1,
    kadAddresses,
    batAddresses: [],
    brokers,
    flags: { ...FLAGS, ...flags },
    natMapping: 'unknown',
  });
}

const all = (ways: SignalWays): string[] => {
  const hosts: string[] = [];
  for (let way = ways.take(); way !== undefined; way = ways.take()) hosts.push(`${way.address.host}:${way.address.port}`);
  return hosts;
};

describe('ways to a node', () => {
  it('are itself when anybody reaches it, then its brokers', () => {
    const hosts = (record: ContactRecord): string[] => waysOfRecord(record).map(({ address }) => address.host);
    const own = [at('198.51.100.1'), at('192.168.1.1')];
    expect(hosts(recordOf(own, { isPublic: true })).slice(0, 4)).toEqual(['198.51.100.1', '192.168.1.1', '203.0.113.2', '203.0.113.3']);
    expect(hosts(recordOf(own))).toEqual(['203.0.113.2', '203.0.113.3', '192.168.1.1']);
    expect(hosts(recordOf([at('198.51.100.1')], { isPublic: true, hasNoUdp: true }))).toEqual(['203.0.113.2', '203.0.113.3']);
  });

  it('are taken once each, without ourselves and without those to avoid', () => {
    const ways = new SignalWays([at('198.51.100.9')]);
    ways.add(
      [
        { nodeId: undefined, address: at('198.51.100.1') },
        { nodeId: id(1), address: at('198.51.100.1') },
        { nodeId: id(2), address: at('198.51.100.2') },
        { nodeId: id(3), address: at('198.51.100.2') },
        { nodeId: id(0), address: at('198.51.100.3') },
        { nodeId: id(4), address: at('198.51.100.9') },
      ],
      id(0),
    );
    expect(all(ways)).toEqual(['198.51.100.1:4870', '198.51.100.2:4870', '198.51.100.2:4870']);
    ways.add([{ nodeId: id(1), address: at('198.51.100.1') }], id(0));
    expect(ways.take()).toBeUndefined();
  });

  it('T8 are few in all and at one public address, however many a record names', () => {
    const ways = new SignalWays();
    for (let n = 1; n < 9; n++) ways.add([{ nodeId: id(n), address: at('198.51.100.1', n) }], id(0));
    expect(all(ways)).toHaveLength(2);
    for (let n = 1; n < 20; n++) ways.add([{ nodeId: id(n), address: at('10.0.0.1', n) }], id(0));
    expect(all(ways)).toHaveLength(SIGNAL_WAYS_MAX - 2);
  });
});
