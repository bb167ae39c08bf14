// driven: finds out who reaches us, by asking a few peers to try (RFC 5780 in spirit: other port, other address).
import { type Address, equalBytes, isPrivateHost, type Runtime, toHex } from '@batchain/shared';
import { CHECK_DEADLINE_MS, CHECK_PEERS_MAX, PROBE_GRACE_MS, PROBE_REPEAT_MS } from '../limits.ts';
import type { PeerClient } from '../lookup/peer-client.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { TableContact } from '../routing/table-contact.ts';
import type { KadRpc, ProvedPeer } from '../rpc/kad-rpc.ts';
import { PROBE_NONCE_BYTES } from '../wire/envelope.ts';
import type { DialBackKind } from '../wire/messages.ts';
import { type ArrivedProbe, DialBackAttempt, type DialBackResult } from './dial-back-attempt.ts';
import type { SelfKnowledge } from './self-knowledge.ts';
import { NO_FINDINGS, type ReachFindings, type SelfView } from './self-view.ts';

export interface ReachCheckParts {
  readonly rpc: KadRpc;
  readonly client: PeerClient;
  readonly table: RoutingTable;
  readonly self: SelfKnowledge;
}

export interface CheckOptions {
  /** Where our bat port is to be dialled, at the IP that the peer sees us at; undefined leaves that out. */
  readonly batPort: number | undefined;
  /**
   * The port of our external IP that leads to our Kad port, when the router says so. By default the one that was found before, else where
   * somebody has dialled us and the number of the Kad port itself.
   */
  readonly kadPort?: number | undefined;
}

export class ReachCheck {
  readonly #runtime: Runtime;
  readonly #parts: ReachCheckParts;
  readonly #attempts = new Map<string, DialBackAttempt>();
  #running: Promise<SelfView> | undefined;
  #isStopped = false;

  constructor(runtime: Runtime, parts: ReachCheckParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** Checks now, within CHECK_DEADLINE_MS; a call while one is under way gets its result. Never rejects. */
  run(options: CheckOptions): Promise<SelfView> {
    this.#running ??= this.#run(options).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** What is under way ends without a result. */
  stop(): void {
    this.#isStopped = true;
    for (const attempt of this.#attempts.values()) attempt.end();
  }

  onProbe(nonce: Uint8Array, from: Address): void {
    const attempt = this.#attempts.get(toHex(nonce));
    // Whether we had sent there is to be judged before anything goes there.
    attempt?.noteProbe({ from, isExpected: this.#parts.rpc.hasSentTo(from.host) });
  }

  /** Only the node that was asked may tell. */
  onResult(result: DialBackResult, from: ProvedPeer): void {
    const attempt = this.#attempts.get(toHex(result.nonce));
    if (attempt !== undefined && equalBytes(attempt.peer.nodeId, from.nodeId)) attempt.noteResult(result);
  }

  async #run({ batPort, kadPort }: CheckOptions): Promise<SelfView> {
    const endMs = this.#nowMs() + CHECK_DEADLINE_MS;
    const { self } = this.#parts;
    const ports = this.#portsToTry(kadPort);
    const each = await Promise.all(
      this.#choosePeers().map(async ({ nodeId, address }, n): Promise<ReachFindings> => {
        const peer = { nodeId, address };
        const port = ports[n % ports.length] as number;
        // What it sees us at may have changed since it last said.
        const pong = await this.#within(this.#parts.client.ask(peer, { type: 'ping' }), endMs);
        if (pong?.ok !== true) return NO_FINDINGS;
        const { observedAddress, isWitness } = pong.value;
        const isElsewhere = observedAddress.port !== port;
        const [fromOtherPort, fromStranger, forwarded, bat] = await Promise.all([
          this.#tryOtherPort(peer, 0, endMs),
          this.#tryStranger(peer, endMs),
          isElsewhere ? this.#tryOtherPort(peer, port, endMs) : undefined,
          batPort === undefined ? undefined : this.#tryBat(peer, batPort, endMs),
        ]);
        const forwardedPort = forwarded === true ? port : isElsewhere && forwarded === undefined ? undefined : 0;
        // Who dialled a forwarded port has its datagrams sent there: that says nothing of our mapping.
        if (!isWitness && self.isForwarded(observedAddress)) {
          const isOpen = fromStranger ?? fromOtherPort;
          return { ...NO_FINDINGS, forwardedPort: isOpen === true ? observedAddress.port : forwarded === true ? port : undefined, bat };
        }
        return { fromOtherPort, fromStranger, forwardedPort, bat };
      }),
    );
    if (!this.#isStopped) self.noteFindings(judge(each));
    return self.view();
  }

  /** One for each peer that is asked, in turns. Where somebody dialled us is only a hint, so our own number is tried as well. */
  #portsToTry(kadPort: number | undefined): readonly number[] {
    const { self, rpc } = this.#parts;
    const known = kadPort ?? self.forwardedPort;
    if (known !== undefined) return [known];
    const { dialledPort } = self;
    const own = rpc.localAddress.port;
    return dialledPort === undefined || dialledPort === own ? [own] : this.#runtime.random.shuffle([dialledPort, own]);
  }

  /** Of distinct IPs, those on the Internet when there are any: who shares our network cannot tell what comes in from outside. */
  #choosePeers(): readonly TableContact[] {
    const living = this.#runtime.random.shuffle([...this.#parts.table.contacts()].filter(({ failures }) => failures === 0));
    const outside = living.filter(({ address }) => !isPrivateHost(address.host));
    if (outside.length === 0) return living.slice(0, CHECK_PEERS_MAX);
    const hosts = new Map(outside.map((contact) => [contact.address.host, contact]));
    return [...hosts.values()].slice(0, CHECK_PEERS_MAX);
  }

  async #tryOtherPort(peer: ProvedPeer, forwardedPort: number, endMs: number): Promise<boolean | undefined> {
    return this.#attempt(peer, 'udp', forwardedPort, endMs, async (attempt) => {
      const find = (): ArrivedProbe | undefined =>
        attempt.probe(({ from }) => from.host === peer.address.host && from.port !== peer.address.port);
      await attempt.until(() => find() ?? attempt.firstResult, this.#leftMs(endMs));
      if (find() === undefined && attempt.result('sent') === undefined) return undefined;
      const probe = find() ?? (await attempt.until(find, Math.min(PROBE_GRACE_MS, this.#leftMs(endMs))));
      const port = probe?.from.port ?? attempt.result('sent')?.port ?? 0;
      if (port !== 0 && forwardedPort === 0) await this.#knock(attempt, { host: peer.address.host, port }, endMs);
      return probe !== undefined;
    });
  }

  /** A datagram to another port of an IP that sees us already: whether our NAT maps it alike. Once more, lest one be lost. */
  async #knock(attempt: DialBackAttempt, to: Address, endMs: number): Promise<void> {
    const { rpc, self } = this.#parts;
    const { mapping } = self.view();
    if (mapping === 'none' || mapping === 'endpoint-independent') return;
    const find = (): DialBackResult | undefined => attempt.result('done');
    for (let n = 0; n < 2 && find() === undefined && !this.#isStopped; n++) {
      rpc.sendProbe(to, attempt.nonce);
      await attempt.until(find, Math.min(PROBE_REPEAT_MS, this.#leftMs(endMs)));
    }
    const done = await attempt.until(find, Math.min(PROBE_GRACE_MS, this.#leftMs(endMs)));
    if (done?.address != null) self.noteAnswer(to, done.address, true);
  }

  async #tryStranger(peer: ProvedPeer, endMs: number): Promise<boolean | undefined> {
    return this.#attempt(peer, 'udp-other', 0, endMs, async (attempt) => {
      const find = (): ArrivedProbe | undefined => attempt.probe(({ from }) => from.host !== peer.address.host);
      await attempt.until(() => find() ?? attempt.firstResult, this.#leftMs(endMs));
      const sent = attempt.result('sent');
      if (find() === undefined && sent === undefined) return undefined;
      const probe = find() ?? (await attempt.until(find, Math.min(PROBE_GRACE_MS, this.#leftMs(endMs))));
      if (probe !== undefined) return probe.isExpected ? undefined : true;
      const helper = sent?.address;
      // A helper that we know should have got through: that it has not says nothing of strangers.
      return helper == null || this.#parts.rpc.hasSentTo(helper.host) ? undefined : false;
    });
  }

  async #tryBat(peer: ProvedPeer, port: number, endMs: number): Promise<boolean | undefined> {
    return this.#attempt(peer, 'bat', port, endMs, async (attempt) => {
      const result = await attempt.until(() => attempt.firstResult, this.#leftMs(endMs));
      return result === undefined ? undefined : result.outcome === 'done';
    });
  }

  /** Asks the peer; undefined when it will not or cannot. */
  async #attempt(
    peer: ProvedPeer,
    kind: DialBackKind,
    port: number,
    endMs: number,
    follow: (attempt: DialBackAttempt) => Promise<boolean | undefined>,
  ): Promise<boolean | undefined> {
    const attempt = new DialBackAttempt(this.#runtime, this.#runtime.entropy.bytes(PROBE_NONCE_BYTES), peer);
    const name = toHex(attempt.nonce);
    this.#attempts.set(name, attempt);
    try {
      const answer = await this.#within(this.#parts.client.ask(peer, { type: 'dial-back', kind, port, nonce: attempt.nonce }), endMs);
      if (this.#isStopped || answer?.ok !== true) return undefined;
      const { response } = answer.value;
      return response.type === 'dialling-back' && response.outcome === 'started' ? await follow(attempt) : undefined;
    } finally {
      this.#attempts.delete(name);
    }
  }

  /** The result of a request, or undefined when the check is over before it: it ends by itself. */
  async #within<T>(request: Promise<T>, endMs: number): Promise<T | undefined> {
    const waiting = new AbortController();
    try {
      return (await Promise.race([request, this.#runtime.clock.sleep(this.#leftMs(endMs), waiting.signal).catch(() => undefined)])) as
        | T
        | undefined;
    } finally {
      waiting.abort();
    }
  }

  #leftMs(endMs: number): number {
    return Math.max(1, endMs - this.#nowMs());
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }
}

/** A datagram that has come is proof, whatever others say; of a dial there is only their word, so the most of them decide. */
function judge(each: readonly ReachFindings[]): ReachFindings {
  const anyOf = (words: readonly (boolean | undefined)[]): boolean | undefined =>
    words.includes(true) ? true : words.find((word) => word === false);
  const dials = each.map(({ bat }) => bat).filter((word) => word !== undefined);
  return {
    fromOtherPort: anyOf(each.map(({ fromOtherPort }) => fromOtherPort)),
    fromStranger: anyOf(each.map(({ fromStranger }) => fromStranger)),
    forwardedPort:
      each.map(({ forwardedPort }) => forwardedPort).find((port) => port !== undefined && port > 0) ??
      each.find(({ forwardedPort }) => forwardedPort === 0)?.forwardedPort,
    bat: dials.length === 0 ? undefined : 2 * dials.filter(Boolean).length > dials.length,
  };
}
