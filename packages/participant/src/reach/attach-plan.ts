// pure: whom a node without UDP asks to carry its Kad datagrams, and in which order.
import { type Address, equalAddress, type NodeId } from '@batchain/shared';
import { ATTACH_HOSTS_MAX, TUNNEL_PORTS } from '../limits.ts';

export interface AttachCandidate {
  /** Of a BatNode. */
  readonly address: Address;
  /** Whoever proves an id there when undefined. */
  readonly expected: NodeId | undefined;
}

export interface AttachFacts {
  /** Kad addresses, those that were given to join at first: their hosts are tried at the usual ports, since no record may be known. */
  readonly joins: readonly Address[];
  /** From contact records of public participants, best first. */
  readonly known: readonly AttachCandidate[];
  /** Where it went well last. */
  readonly steady: AttachCandidate | undefined;
  /** Where it went badly last. */
  readonly failed: AttachCandidate | undefined;
  /** How many rounds were made without success: each looks at other hosts. */
  readonly round: number;
}

/** The candidates of one round, in the order in which to begin: up to three hosts, the one that went well first. */
export function planAttach({ joins, known, steady, failed, round }: AttachFacts): readonly AttachCandidate[] {
  const byHost = new Map<string, AttachCandidate[]>();
  const add = (candidate: AttachCandidate): void => {
    const ofHost = byHost.get(candidate.address.host) ?? [];
    if (!ofHost.some(({ address }) => equalAddress(address, candidate.address))) ofHost.push(candidate);
    byHost.set(candidate.address.host, ofHost);
  };
  for (const { host } of joins) for (const port of TUNNEL_PORTS) add({ address: { host, port }, expected: undefined });
  for (const candidate of known) add(candidate);
  const first = steady === undefined ? [] : [[steady]];
  if (steady !== undefined) byHost.delete(steady.address.host);
  const last = failed === undefined ? undefined : byHost.get(failed.address.host);
  const others = [...byHost.values()].filter((ofHost) => ofHost !== last);
  if (last !== undefined) others.push(last);
  const room = ATTACH_HOSTS_MAX - first.length;
  const from = others.length <= room ? 0 : (round * room) % others.length;
  const turned = [...others.slice(from), ...others.slice(0, from)];
  return [...first, ...turned.slice(0, room)].flat();
}
