// driven: who keeps a record in a simulated network, asked of every node by itself.
import type { AgedRecord, ValueKind } from '@batchain/kad-node';
import type { KadCluster, Member } from './kad-cluster.ts';

/** What one member keeps under a key, as it tells another one. */
async function askFor(asker: Member, member: Member, kind: ValueKind, key: Uint8Array): Promise<readonly AgedRecord[]> {
  const answer = await asker.rpc.request(member.address, member.signer.nodeId, { type: 'find-value', kind, key, page: 0 });
  return answer.ok && answer.value.response.type === 'values' ? answer.value.response.records : [];
}

/** The living members that keep something under the key. */
export async function copiesOf(cluster: KadCluster, kind: ValueKind, key: Uint8Array): Promise<Member[]> {
  const living = cluster.living;
  const kept = await cluster.settle(
    Promise.all(
      living.map((member) => {
        const asker = living.find((other) => other !== member) as Member;
        return askFor(asker, member, kind, key);
      }),
    ),
  );
  return living.filter((_, at) => (kept[at] as readonly AgedRecord[]).length > 0);
}

/** Of the `count` living members nearest to the key, those that keep nothing under it. */
export async function gapsOf(cluster: KadCluster, kind: ValueKind, key: Uint8Array, count = 20): Promise<Member[]> {
  const copies = await copiesOf(cluster, kind, key);
  return cluster.nearest(key, count).filter((member) => !copies.includes(member));
}
