// driven: finds the hosts of an upload: near the file id, reachable, with room (BN-11 to BN-13, BN-22).
import { type ContactRecord, type Runtime, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { CANDIDATES_MAX } from '../placement/network-size.ts';
import type { Locator } from '../ports.ts';
import type { HostRefusal } from './flow-errors.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';

export interface RecruitRequest {
  /** How many hosts with room are wanted; fewer when there are not so many. */
  readonly count: number;
  /** Bytes that each will be asked to keep. */
  readonly needBytes: number;
  readonly signal: AbortSignal;
  /** Hosts of an earlier attempt, with their lease ids; asked first. */
  readonly known: readonly HostPeer[];
}

export interface RecruitReport {
  readonly hosts: readonly HostPeer[];
  /** Why the others are not among them: host key and reason. */
  readonly refusals: readonly HostRefusal[];
}

export class HostRecruiter {
  readonly #runtime: Runtime;
  readonly #locator: Locator;
  readonly #tools: PeerTools;

  constructor(runtime: Runtime, locator: Locator, tools: PeerTools) {
    this.#runtime = runtime;
    this.#locator = locator;
    this.#tools = tools;
  }

  /** Contact records with `stores` among the nearest to the file id, nearest first. */
  candidates(fileId: FileId, signal: AbortSignal): Promise<readonly ContactRecord[]> {
    return this.#locator.findHosts(fileId, CANDIDATES_MAX, signal);
  }

  /** Asks candidates for room, as many at once as are still wanted, until enough said yes or all were asked. */
  async recruit(candidates: readonly ContactRecord[], request: RecruitRequest): Promise<RecruitReport> {
    const known = new Map(request.known.map((peer) => [peer.key, peer]));
    const fresh = candidates.filter((record) => !known.has(toHex(record.nodeId)));
    const queue = [...request.known, ...fresh.map((record) => new HostPeer(this.#runtime, this.#tools, { nodeId: record.nodeId, record }))];
    const hosts: HostPeer[] = [];
    const refusals: HostRefusal[] = [];
    for (let at = 0; at < queue.length && hosts.length < request.count; ) {
      const batch = queue.slice(at, at + request.count - hosts.length);
      at += batch.length;
      const answers = await Promise.all(batch.map((peer) => this.#ask(peer, request)));
      answers.forEach((reason, i) => {
        const peer = batch[i] as HostPeer;
        if (reason === undefined) hosts.push(peer);
        else refusals.push({ key: peer.key, reason });
      });
    }
    return { hosts, refusals };
  }

  /** Undefined when it has room, else why it is no host for us. */
  async #ask(peer: HostPeer, request: RecruitRequest): Promise<string | undefined> {
    const client = await peer.client(request.signal);
    if (!client.ok) return client.reason;
    const status = await client.value.status(request.needBytes, { signal: request.signal });
    if (!status.ok) return status.reason;
    if (status.value.isLeaving) return 'leaving';
    return status.value.roomBytes >= request.needBytes || request.known.includes(peer) ? undefined : 'no-room';
  }
}
