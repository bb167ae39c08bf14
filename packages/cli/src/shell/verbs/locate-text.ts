// pure: the hops of a lookup as lines: who answered, how far from the hash, how long it took, what it keeps (BD-15).
import type { DhtHop, DhtTraceResult, DistanceView } from '@batchain/participant/client';
import { countText, shortIdText } from '../../output/health-text.ts';

export function distanceText({ log2 }: DistanceView): string {
  return log2 === null ? 'distance 0' : `distance 2^${log2}`;
}

function heldText(holds: DhtHop['holds']): string {
  if (holds === null || holds.length === 0) return '';
  const isValue = holds.some((kind) => kind === 'immutable' || kind === 'mutable');
  return isValue ? 'holds the value' : `holds a ${holds.join(' and a ')} record`;
}

function hopLine(hop: DhtHop): string {
  const time = hop.outcome === 'ok' && hop.rttMs !== null ? `${hop.rttMs.toFixed(1)} ms` : hop.outcome;
  const parts = [
    `hop ${hop.hop}`,
    hop.kad,
    shortIdText(hop.nodeId),
    distanceText(hop.distance),
    time,
    heldText(hop.holds),
    hop.isResponsible ? 'responsible' : '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}

export function locateText(trace: DhtTraceResult): string[] {
  const { target, hops, own, responsible, requests, durationMs, isComplete } = trace;
  const self = [
    'this node',
    shortIdText(own.nodeId),
    distanceText(own.distance),
    heldText(own.holds),
    own.isResponsible ? 'responsible' : '',
  ];
  const nearest = responsible[0];
  const owner =
    nearest === undefined ? 'nobody' : nearest.nodeId === own.nodeId ? 'this node' : `${shortIdText(nearest.nodeId)} at ${nearest.kad}`;
  return [
    `to ${target}`,
    ...hops.map(hopLine),
    self.filter((part) => part !== '').join('  '),
    `nearest: ${owner}; ${countText(requests, 'request')} in ${durationMs.toFixed(1)} ms${isComplete ? '' : ', not complete: the time was up'}`,
  ];
}
