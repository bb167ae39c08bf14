// pure: what a KadNode counted.
import type { KadAssembly } from './kad-assembly.ts';
import type { KadStats } from './kad-node-api.ts';

export function statsOf({ client, bootstrap, connectivity, table, lookups, store, replicator, own }: KadAssembly): KadStats {
  const { requests, answers, failures } = client.counts;
  return {
    isJoined: bootstrap.isJoined,
    isOffline: connectivity.isOffline,
    contacts: table.size,
    lookups: lookups.totals.lookups,
    lookupsRunning: lookups.totals.running,
    requests,
    answers,
    failures,
    storedRecords: store.count,
    storedBytes: store.bytes,
    ...replicator.counts,
    announcements: own.keysOf('provider').length,
  };
}
