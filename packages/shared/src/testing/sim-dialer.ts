// driven: the Dialer port over the simulated network: handshake round trips, refusals and time-outs.
import { equalBytes } from '../core/bytes.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { second } from '../core/units.ts';
import type { NodeId } from '../identity/node-id.ts';
import { shortId } from '../identity/node-id.ts';
import { type Address, formatAddress, isDialable } from '../net/address.ts';
import type { Connection, Dialer, DialFailure, DialOptions, PeerIdentity } from '../net/connection.ts';
import type { Timer } from '../runtime/clock.ts';
import { SimConnection } from './sim-connection.ts';
import type { SimEndpoint, SimHost } from './sim-host.ts';
import { SimListener } from './sim-listener.ts';
import { type OutboundRoute, routeInbound, routeOutbound } from './sim-routing.ts';

/** A lost first packet is sent again after this, then after twice as long (RFC 6298). */
const SYN_RETRY_MS: number = 1 * second;

type DialResult = Result<Connection, DialFailure>;

/** Opens connections from a simulated host: TCP, TLS 1.3 and the upgrade take three round trips, as on a real path. */
export class SimDialer implements Dialer {
  readonly #host: SimHost;
  readonly #identity: PeerIdentity;

  constructor(host: SimHost, identity: PeerIdentity) {
    this.#host = host;
    this.#identity = identity;
  }

  dial(address: Address, expected: NodeId | undefined, options: DialOptions): Promise<DialResult> {
    if (!isDialable(address, this.#host.addresses)) return Promise.resolve(fail('not-dialable', formatAddress(address)));
    if (options.signal?.aborted === true) return Promise.resolve(fail('aborted'));
    return new Promise((resolve) => new DialAttempt(this.#host, this.#identity, address, expected, options, resolve).start());
  }
}

/** One dial, until it is settled once. */
class DialAttempt implements SimEndpoint {
  readonly #host: SimHost;
  readonly #identity: PeerIdentity;
  readonly #to: Address;
  readonly #expected: NodeId | undefined;
  readonly #options: DialOptions;
  readonly #resolve: (result: DialResult) => void;
  readonly #timers = new Set<Timer>();
  #deadline: Timer | undefined;
  /** Our end, once the far end has its own. */
  #near: SimConnection | undefined;
  #isSettled = false;

  constructor(
    host: SimHost,
    identity: PeerIdentity,
    to: Address,
    expected: NodeId | undefined,
    options: DialOptions,
    resolve: (result: DialResult) => void,
  ) {
    this.#host = host;
    this.#identity = identity;
    this.#to = to;
    this.#expected = expected;
    this.#options = options;
    this.#resolve = resolve;
  }

  start(): void {
    const { signal, timeoutMs } = this.#options;
    this.#host.hold(this);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    const { clock } = this.#host.network.simulation;
    this.#deadline = clock.setTimer(timeoutMs, () => this.#settle(fail('timeout', `${timeoutMs} ms`)));
    this.#knock(this.#source(), SYN_RETRY_MS);
  }

  abandon(): void {
    this.#isSettled = true;
    this.#clean();
  }

  readonly #onAbort = (): void => this.#settle(fail('aborted'));

  #settle(result: DialResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#clean();
    this.#host.release(this);
    // The far end may have met us already.
    if (!result.ok) this.#near?.destroy();
    this.#resolve(result);
  }

  #clean(): void {
    this.#cancelTimers();
    this.#deadline?.cancel();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #after(delayMs: number, run: () => void): void {
    this.#timers.add(this.#host.network.simulation.clock.setTimer(delayMs, run));
  }

  #source(): Address {
    const isV6 = this.#to.host.includes(':');
    const host = this.#host.addresses.find((address) => address.includes(':') === isV6) ?? (this.#host.addresses[0] as string);
    return { host, port: this.#host.freePort('tcp') ?? 0 };
  }

  /** Sends the first packet; again while nothing comes back. */
  #knock(from: Address, retryMs: number): void {
    const { network } = this.#host;
    const route = routeOutbound(this.#host, from, this.#to, 'tcp', network.simulation.clock.elapsedMs);
    this.#after(retryMs, () => this.#knock(from, retryMs * 2));
    if (route === undefined) return;
    const link = this.#host.link ?? route.realm.link;
    const oneWayMs = network.baseLatencyMs(link, this.#host, route.toward);
    this.#after(oneWayMs, () => this.#reach(from, route, oneWayMs));
  }

  #reach(from: Address, route: OutboundRoute, oneWayMs: number): void {
    const { network } = this.#host;
    const inbound = routeInbound(route.realm, route.from, this.#to, 'tcp', network.simulation.clock.elapsedMs);
    if (inbound === undefined || this.#isCutFrom(inbound.host)) return;
    // Something answers, so no first packet is sent again.
    this.#cancelTimers();
    const listener = inbound.host.boundTo('tcp', inbound.to.port);
    if (!(listener instanceof SimListener)) {
      this.#after(oneWayMs, () => this.#settle(fail('refused', formatAddress(this.#to))));
      return;
    }
    const wrong = this.#judge(listener.identity);
    // The peer's certificate is here after two round trips, of which half a one has passed.
    if (wrong !== undefined) this.#after(oneWayMs * 3, () => this.#settle(fail('wrong-identity', wrong)));
    else this.#after(oneWayMs * 4, () => this.#meet(listener, inbound.host, inbound.to, from, route, oneWayMs));
  }

  #isCutFrom(far: SimHost): boolean {
    const { network } = this.#host;
    return far !== this.#host && (network.pathState(this.#host, far).isCut || network.pathState(far, this.#host).isCut);
  }

  #judge(peer: PeerIdentity): string | undefined {
    if (equalBytes(peer.nodeId, this.#identity.nodeId)) return 'this node itself';
    if (this.#expected === undefined || equalBytes(peer.nodeId, this.#expected)) return undefined;
    return `${shortId(peer.nodeId)} instead of ${shortId(this.#expected)}`;
  }

  /** The far end has everything; the near end follows one way later. */
  #meet(listener: SimListener, farHost: SimHost, farAddress: Address, from: Address, route: OutboundRoute, oneWayMs: number): void {
    if (this.#isCutFrom(farHost)) return;
    if (!listener.isListening) {
      this.#after(oneWayMs, () => this.#settle(fail('refused', formatAddress(this.#to))));
      return;
    }
    const { network } = this.#host;
    const binding = network.drawBinding();
    const near = new SimConnection({
      host: this.#host,
      peer: { nodeId: listener.identity.nodeId, publicKey: listener.identity.publicKey },
      binding,
      localAddress: from,
      remoteAddress: this.#to,
      isInitiator: true,
    });
    const far = new SimConnection({
      host: farHost,
      peer: { nodeId: this.#identity.nodeId, publicKey: this.#identity.publicKey },
      binding: binding.slice(),
      localAddress: farAddress,
      remoteAddress: route.from,
      isInitiator: false,
    });
    SimConnection.join(near, far, this.#host.link ?? route.realm.link, oneWayMs);
    this.#near = near;
    this.#after(oneWayMs, () => this.#settle(ok(near)));
    listener.accept(far);
  }
}
