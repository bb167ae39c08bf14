import { parseNodeId, present, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import type { AuditOutcome, AuditRow } from '../audit/audit-types.ts';
import type { ShardId } from '../ids.ts';
import type { OwnedLease } from '../storage/owner-store.ts';
import { findOrphans, withAdopted } from './adopter.ts';
import { packHeld, unpackHeld } from './held-list.ts';

const SEGMENTS = 3;
const keyOf = (name: string): string => toHex(sha256(utf8Bytes(name)));
const row = (name: string, segment: number, index: number, outcome: AuditOutcome): AuditRow => ({
  shardId: sha256(utf8Bytes(`${segment} ${index}`)) as ShardId,
  segment,
  index,
  host: present(parseNodeId(keyOf(name)), name),
  outcome,
  reason: '',
});
const lease = (name: string, ...held: readonly (readonly [number, number])[]): OwnedLease => ({
  host: keyOf(name),
  leaseUntilMs: 1000,
  renewedAtMs: 10,
  shards: packHeld(
    held.map(([segment, index]) => ({ segment, index })),
    SEGMENTS,
  ),
});

describe('a shard that was handed over', () => {
  it('is the new holder’s when he proved it and nobody with a lease for it did', () => {
    const leases = [lease('leaver', [0, 0], [1, 0]), lease('other', [0, 1], [1, 1])];
    const rows = [
      row('leaver', 0, 0, 'offline'),
      row('leaver', 1, 0, 'passed'),
      row('newcomer', 0, 0, 'passed'),
      row('newcomer', 1, 0, 'passed'),
      row('late', 0, 0, 'passed'),
      row('other', 0, 1, 'passed'),
      row('other', 1, 1, 'failed'),
    ];
    expect(findOrphans(leases, rows)).toEqual(new Map([[keyOf('newcomer'), [{ segment: 0, index: 0 }]]]));
  });

  it('is not adopted from a host that answers for another of the segment, or did not prove it', () => {
    const leases = [lease('leaver', [0, 0]), lease('other', [0, 1])];
    const rows = [
      row('leaver', 0, 0, 'offline'),
      row('other', 0, 0, 'passed'),
      row('other', 0, 1, 'passed'),
      row('claims', 0, 0, 'failed'),
    ];
    expect(findOrphans(leases, rows).size).toBe(0);
    const both = [row('double', 0, 0, 'passed'), row('double', 0, 1, 'passed')];
    expect(findOrphans([], both)).toEqual(new Map([[keyOf('double'), [{ segment: 0, index: 0 }]]]));
  });

  it('leaves the lease of the old holder, which ends with its last shard, and joins that of the new one', () => {
    const leases = [lease('leaver', [0, 0], [1, 0]), lease('gone', [2, 0]), lease('known', [2, 1])];
    const adopted = [
      { peer: { key: keyOf('newcomer') }, leaseUntilMs: 9000, places: [{ segment: 0, index: 0 }] },
      {
        peer: { key: keyOf('known') },
        leaseUntilMs: 8000,
        places: [
          { segment: 0, index: 2 },
          { segment: 1, index: 1 },
        ],
      }, // prettier-ignore
      { peer: { key: keyOf('third') }, leaseUntilMs: 7000, places: [{ segment: 2, index: 0 }] },
    ];
    const after = withAdopted(leases, adopted, SEGMENTS, 500);
    const told = after.map(({ host, leaseUntilMs, renewedAtMs, shards }) => [host, leaseUntilMs, renewedAtMs, unpackHeld(shards).length]);
    expect(told).toEqual([
      [keyOf('leaver'), 1000, 10, 1],
      [keyOf('newcomer'), 9000, 500, 1],
      [keyOf('known'), 8000, 500, 3],
      [keyOf('third'), 7000, 500, 1],
    ]);
  });
});
