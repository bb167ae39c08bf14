// pure: the routing table as lines for people (BD-19).
import type { DhtRoutesResult, DhtTableContact } from '@batchain/participant/client';
import { countText, shortIdText } from '../../output/health-text.ts';
import { formatTable } from '../../output/table.ts';
import { distanceText } from './locate-text.ts';

const COLUMNS = [
  { title: 'BUCKET' },
  { title: 'NODE' },
  { title: 'KAD', isFlexible: true },
  { title: 'DISTANCE', dropOrder: 2 },
  { title: 'RTT', dropOrder: 1 },
  { title: 'SEEN', dropOrder: 3 },
  { title: 'FAILED', dropOrder: 4 },
];

const rttText = (rttMs: number | null): string => (rttMs === null ? '-' : `${rttMs.toFixed(1)} ms`);

export interface RoutesView {
  readonly width: number;
  /** How long ago, of a moment in ISO 8601. */
  readonly ago: (time: string) => string;
}

function row(contact: DhtTableContact, ago: RoutesView['ago']): string[] {
  const { bucket, nodeId, kad, distance, rttMs, lastSeen, failures } = contact;
  const far = distanceText(distance).replace('distance ', '');
  return [String(bucket), shortIdText(nodeId), kad, far, rttText(rttMs), ago(lastSeen), String(failures)];
}

/** In a ring of ids these would be successor and predecessor (BD-04). */
function neighbourLine(word: string, contact: DhtTableContact | null): string {
  return contact === null
    ? `${word}  nobody`
    : `${word}  ${shortIdText(contact.nodeId)}  ${contact.kad}  ${distanceText(contact.distance)}`;
}

export function routesText(routes: DhtRoutesResult, { width, ago }: RoutesView): string[] {
  const { nodeId, above, below, buckets, contacts, bucketSize } = routes;
  const rows = contacts.map((contact) => row(contact, ago));
  const spare = buckets.reduce((sum, { replacements }) => sum + replacements, 0);
  return [
    `node   ${nodeId}`,
    neighbourLine('above', above),
    neighbourLine('below', below),
    `${countText(contacts.length, 'contact')} in ${countText(buckets.length, 'k-bucket')} of at most ${bucketSize}, ${spare} in reserve`,
    ...(rows.length === 0 ? [] : formatTable(COLUMNS, rows, width)),
  ];
}
