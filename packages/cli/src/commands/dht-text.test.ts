import type { DhtHop, DhtRoutesResult, DhtTableContact, DhtTraceResult } from '@batchain/participant/client';
import { describe, expect, it } from 'vitest';
import { ROUTES_CSV_HEADER, routesCsv, routesText, sizeText, traceText } from './dht-text.ts';

const SEEN = '2026-11-26T12:00:00.000Z';
const NOW_MS = Date.parse(SEEN);
const id = (digit: string): string => digit.repeat(64);
const contact = (digit: string, bucket: number, rttMs: number | null = 1.25): DhtTableContact => ({
  nodeId: id(digit),
  kad: `127.0.0.1:487${digit}`,
  distance: { sharedBits: bucket, log2: 255 - bucket },
  rttMs,
  bucket,
  lastSeen: SEEN,
  failures: 0,
});
const [NEAR, FAR, SECOND] = [contact('3', 2), contact('9', 0, null), contact('8', 0)] as const;
const ROUTES: DhtRoutesResult = {
  nodeId: id('1'),
  bucketSize: 20,
  buckets: [
    { index: 0, contacts: 2, replacements: 1, lastLookup: SEEN },
    { index: 2, contacts: 1, replacements: 0, lastLookup: SEEN },
  ],
  contacts: [FAR, SECOND, NEAR],
  above: NEAR,
  below: FAR,
};

describe('the size of the network, in words', () => {
  it('BD-18 has its error, and says when little is known', () => {
    const facts = { contacts: 60, requests: 41, durationMs: 12 };
    expect(sizeText({ estimate: 1010, error: 130, basis: 'density', ...facts })).toEqual([
      'about 1010 nodes, give or take 130, judged from how densely their ids lie   (41 messages sent, 12 ms)',
    ]);
    expect(sizeText({ estimate: 4, error: 0, basis: 'counted', ...facts })[0]).toMatch(
      /^4 nodes, this one included; so few that all were met/,
    );
    expect(sizeText({ estimate: 1, error: 0, basis: 'alone', ...facts })[0]).toMatch(/nobody else is known, so little can be said/);
  });
});

describe('the routing table', () => {
  it('BD-04 BD-19 names the next ids above and below, then each k-bucket with its contacts', () => {
    expect(routesText(ROUTES, NOW_MS)).toEqual([
      'This node  11111111',
      'Above      33333333  127.0.0.1:4873',
      'Below      99999999  127.0.0.1:4879',
      '',
      'k-bucket 0: 0 leading bits shared, 2 of 20 contacts, 1 waiting',
      '  99999999  127.0.0.1:4879  2^255  -       seen just now',
      '  88888888  127.0.0.1:4878  2^255  1.3 ms  seen just now',
      '',
      'k-bucket 2: 2 leading bits shared, 1 of 20 contacts, 0 waiting',
      '  33333333  127.0.0.1:4873  2^253  1.3 ms  seen just now',
    ]);
  });

  it('BD-19 has a form for spreadsheets whose header stays', () => {
    expect(ROUTES_CSV_HEADER).toBe('bucket,node_id,kad,distance_log2,rtt_ms,last_seen,failures,neighbour');
    expect(routesCsv(ROUTES)).toEqual([
      ROUTES_CSV_HEADER,
      `0,${id('9')},127.0.0.1:4879,255,,${SEEN},0,below`,
      `0,${id('8')},127.0.0.1:4878,255,1.25,${SEEN},0,`,
      `2,${id('3')},127.0.0.1:4873,253,1.25,${SEEN},0,above`,
    ]);
    expect(routesCsv({ ...ROUTES, contacts: [NEAR], above: NEAR, below: NEAR })[1]).toMatch(/,above\+below$/);
    expect(routesCsv({ ...ROUTES, contacts: [], above: null, below: null })).toEqual([ROUTES_CSV_HEADER]);
  });
});

describe('a traced lookup', () => {
  const hop = (n: number, changes: Partial<DhtHop>): DhtHop => ({
    hop: n,
    nodeId: id(`${n}`),
    kad: `127.0.0.1:487${n}`,
    depth: n - 1,
    distance: { sharedBits: 4, log2: 251 },
    atMs: n,
    rttMs: 1,
    outcome: 'ok',
    named: 3,
    nearer: 1,
    holds: [],
    isResponsible: false,
    ...changes,
  });

  it('BD-15 is one line a hop: who, how far, how fast, what it named, and whether it holds the value', () => {
    const trace: DhtTraceResult = {
      target: id('a'),
      hops: [
        hop(1, {}),
        hop(2, { distance: { sharedBits: 12, log2: 243 }, rttMs: 10.5, isResponsible: true, holds: ['immutable', 'provider'] }),
        hop(3, { outcome: 'timeout', rttMs: null, named: 0, nearer: 0, holds: null }),
      ],
      responsible: [
        { nodeId: id('2'), kad: '127.0.0.1:4872', distance: { sharedBits: 12, log2: 243 }, rttMs: 10.5 },
        { nodeId: id('7'), kad: '127.0.0.1:4877', distance: { sharedBits: 1, log2: 254 }, rttMs: null },
      ],
      own: { nodeId: id('7'), distance: { sharedBits: 1, log2: 254 }, holds: ['mutable'], isResponsible: true },
      requests: 14,
      durationMs: 20,
      isComplete: true,
    };
    expect(traceText(trace)).toEqual([
      'hop 1  127.0.0.1:4871  11111111  distance 2^251  1.0 ms   named 3, 1 nearer',
      'hop 2  127.0.0.1:4872  22222222  distance 2^243  10.5 ms  named 3, 1 nearer   responsible  holds the value, knows hosts of the file',
      'hop 3  127.0.0.1:4873  33333333  distance 2^251  -        no answer: timeout',
      'this node  77777777  distance 2^254  responsible  holds the value',
      '2 nodes responsible, nearest first: 22222222, 77777777 (this node)',
      '14 messages sent, 20 ms',
    ]);
  });
});
