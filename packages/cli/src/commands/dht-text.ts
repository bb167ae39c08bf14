// driven: what the console of the network hash table says: size, contacts, routing table, hops; as lines, and the table as CSV too.
import type {
  DhtContact,
  DhtFindResult,
  DhtHop,
  DhtPingResult,
  DhtRoutesResult,
  DhtSizeResult,
  DhtTableContact,
  DhtTraceResult,
  DistanceView,
} from '@batchain/participant/client';
import { parseIsoTime } from '@batchain/shared/node';
import { countText, shortIdText } from '../output/health-text.ts';
import { formatTable } from '../output/table.ts';
import { agoText } from '../output/times.ts';

const NEAREST_COLUMNS = [{ title: 'NODE' }, { title: 'KAD', isFlexible: true }, { title: 'DISTANCE' }, { title: 'RTT', dropOrder: 1 }];

/** `2^251`, or `0` of the id itself. */
export const distanceText = ({ log2 }: DistanceView): string => (log2 === null ? '0' : `2^${log2}`);

const rttText = (rttMs: number | null): string => (rttMs === null ? '-' : `${rttMs.toFixed(1)} ms`);
const tookText = (requests: number, durationMs: number): string => `${countText(requests, 'message')} sent, ${durationMs} ms`;

export function sizeText({ estimate, error, basis, requests, durationMs }: DhtSizeResult): string[] {
  const took = tookText(requests, durationMs);
  if (basis === 'alone') return [`1 node: this one; nobody else is known, so little can be said   (${took})`];
  if (basis === 'counted') return [`${countText(estimate, 'node')}, this one included; so few that all were met   (${took})`];
  return [`about ${estimate} nodes, give or take ${error}, judged from how densely their ids lie   (${took})`];
}

export function findText({ contacts, own, requests, durationMs, isComplete }: DhtFindResult, width: number): string[] {
  const rows = contacts.map(({ nodeId, kad, distance, rttMs }) => [shortIdText(nodeId), kad, distanceText(distance), rttText(rttMs)]);
  return [
    ...(rows.length === 0 ? ['Nobody answered.'] : formatTable(NEAREST_COLUMNS, rows, width)),
    `This node, ${shortIdText(own.nodeId)}, is at ${distanceText(own.distance)}.   (${tookText(requests, durationMs)})`,
    ...(isComplete ? [] : ['The time was up before the nearest had answered.']),
  ];
}

export function pingText({ nodeId, kad, rttMs, observed }: DhtPingResult): string[] {
  return [`${shortIdText(nodeId)}  ${kad}  answered in ${rttText(rttMs)} and sees this node at ${observed}`];
}

function contactCells({ nodeId, kad, distance, rttMs, lastSeen }: DhtTableContact, nowMs: number): string[] {
  return [shortIdText(nodeId), kad, distanceText(distance), rttText(rttMs), `seen ${agoText(parseIsoTime(lastSeen), nowMs)}`];
}

export function routesText(routes: DhtRoutesResult, nowMs: number): string[] {
  const { nodeId, bucketSize, buckets, contacts, above, below } = routes;
  const cells = new Map(contacts.map((contact) => [contact, contactCells(contact, nowMs)]));
  const lines = new Map(zip(contacts, alignCells([...cells.values()])));
  const neighbour = (contact: DhtTableContact | null): string =>
    contact === null ? 'nobody known' : `${shortIdText(contact.nodeId)}  ${contact.kad}`;
  return [
    `This node  ${shortIdText(nodeId)}`,
    `Above      ${neighbour(above)}`,
    `Below      ${neighbour(below)}`,
    ...buckets.flatMap(({ index, contacts: count, replacements }) => [
      '',
      `k-bucket ${index}: ${index === 1 ? '1 leading bit' : `${index} leading bits`} shared, ${count} of ${bucketSize} contacts, ${replacements} waiting`,
      ...contacts.filter(({ bucket }) => bucket === index).map((contact) => `  ${lines.get(contact) ?? ''}`),
    ]),
  ];
}

/** The header stays; a column may be added at the end. */
export const ROUTES_CSV_HEADER = 'bucket,node_id,kad,distance_log2,rtt_ms,last_seen,failures,neighbour';

/** No cell needs quotes: hex, addresses, numbers, ISO 8601 and words. */
export function routesCsv({ contacts, above, below }: DhtRoutesResult): string[] {
  const neighbourWord = (nodeId: string): string =>
    [above?.nodeId === nodeId ? 'above' : '', below?.nodeId === nodeId ? 'below' : ''].filter((word) => word !== '').join('+');
  const row = ({ bucket, nodeId, kad, distance, rttMs, lastSeen, failures }: DhtTableContact): string =>
    [bucket, nodeId, kad, distance.log2 ?? '', rttMs ?? '', lastSeen, failures, neighbourWord(nodeId)].join(',');
  return [ROUTES_CSV_HEADER, ...contacts.map(row)];
}

const HELD_WORDS: Readonly<Record<NonNullable<DhtHop['holds']>[number], string>> = {
  immutable: 'holds the value',
  mutable: 'holds the value',
  provider: 'knows hosts of the file',
  contact: 'knows the node',
};

/** `holds the value`; nothing when it holds nothing or was not asked. */
export const heldText = (holds: DhtHop['holds']): string => [...new Set((holds ?? []).map((kind) => HELD_WORDS[kind]))].join(', ');

function hopCells({ hop, nodeId, kad, distance, rttMs, outcome, named, nearer, holds, isResponsible }: DhtHop): string[] {
  const answer = outcome === 'ok' ? `named ${named}, ${nearer} nearer` : `no answer: ${outcome}`;
  const told = [isResponsible ? 'responsible' : '', heldText(holds)].filter((text) => text !== '').join('  ');
  return [`hop ${hop}`, kad, shortIdText(nodeId), `distance ${distanceText(distance)}`, rttText(rttMs), answer, told];
}

function responsibleText(responsible: readonly DhtContact[], ownId: string): string {
  const names = responsible.map(({ nodeId }) => (nodeId === ownId ? `${shortIdText(nodeId)} (this node)` : shortIdText(nodeId)));
  return `${countText(responsible.length, 'node')} responsible, nearest first: ${names.join(', ')}`;
}

/** One line a hop, one for this node, one for where the key belongs. */
export function traceText({ hops, own, responsible, requests, durationMs, isComplete }: DhtTraceResult): string[] {
  const ownTold = [own.isResponsible ? 'responsible' : '', heldText(own.holds)].filter((text) => text !== '').join('  ');
  return [
    ...alignCells(hops.map(hopCells)),
    `this node  ${shortIdText(own.nodeId)}  distance ${distanceText(own.distance)}  ${ownTold}`.trimEnd(),
    responsibleText(responsible, own.nodeId),
    `${tookText(requests, durationMs)}${isComplete ? '' : '; the time was up before the nearest had answered'}`,
  ];
}

const zip = <A, B>(first: readonly A[], second: readonly B[]): [A, B][] => first.map((one, i) => [one, second[i] as B]);

/** Cells below one another, two spaces apart; they are ASCII. */
function alignCells(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
