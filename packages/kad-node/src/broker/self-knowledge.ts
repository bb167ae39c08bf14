// driven: gathers what peers and dial-backs tell about us, and says so when the picture changes.
import { type Address, equalAddress, isPrivateHost, type Runtime } from '@batchain/shared';
import { OWN_HOSTS_KEPT_MS } from '../limits.ts';
import { MappingSamples } from './mapping-samples.ts';
import { classifyMapping } from './nat-classifier.ts';
import { makeSelfView, NO_FINDINGS, type ReachFindings, type SelfView } from './self-view.ts';
import { UdpVerdict } from './udp-verdict.ts';

export interface SelfKnowledgeHooks {
  /** Of the Kad socket; only asked once it is open. */
  localPort(): number;
  /** Addresses of our interfaces now. */
  ownHosts(): readonly string[];
  onChanged(view: SelfView): void;
}

export class SelfKnowledge {
  readonly #runtime: Runtime;
  readonly #hooks: SelfKnowledgeHooks;
  readonly #samples = new MappingSamples();
  readonly #udp = new UdpVerdict();
  #findings: ReachFindings = NO_FINDINGS;
  /** The view that was told last; as text too. */
  #told: SelfView | undefined;
  #toldText = '';
  #hostsNow: { readonly hosts: readonly string[]; readonly atMs: number } | undefined;
  #externalHost: string | undefined;
  #dialledAt: Address | undefined;

  constructor(runtime: Runtime, hooks: SelfKnowledgeHooks) {
    this.#runtime = runtime;
    this.#hooks = hooks;
  }

  view(): SelfView {
    const nowMs = this.#nowMs();
    const mapping = classifyMapping(this.#samples.current(nowMs), this.#hooks.localPort(), this.#ownHosts(nowMs));
    return makeSelfView(mapping, this.#udp.state(nowMs), this.#findings);
  }

  /** The port of our external IP that was found to lead here, and is not where peers see us. */
  get forwardedPort(): number | undefined {
    const { forwardedPort = 0 } = this.#findings;
    return forwardedPort > 0 ? forwardedPort : undefined;
  }

  /** One at which somebody says that it has dialled us. */
  get dialledPort(): number | undefined {
    return this.#dialledAt !== undefined && this.isForwarded(this.#dialledAt) ? this.#dialledAt.port : undefined;
  }

  /** Another port of our external IP than where peers see us. */
  isForwarded({ host, port }: Address): boolean {
    const { external } = this.view();
    return external !== undefined && external.host === host && external.port !== port;
  }

  /**
   * A peer answered. `isWitness`: it told where our datagrams come from; otherwise `address` is where it dialled us, which tells
   * nothing of how a NAT maps what we send, but shows that none is there when it is our own.
   */
  noteAnswer(voter: Address, address: Address, isWitness: boolean): void {
    const nowMs = this.#nowMs();
    this.#udp.noteAnswer(voter, nowMs);
    if (!isWitness && !isPrivateHost(address.host)) this.#dialledAt = address;
    const counts = isWitness || this.#isOurs(voter, address, nowMs);
    const isNews = counts && this.#samples.note(voter, address, nowMs) && !this.#isAsTold(address);
    if (isNews || this.#udp.state(nowMs) !== this.#told?.udp) this.#tell();
  }

  /** All tries of one request to this address went unanswered. */
  noteSilence(to: Address): void {
    const nowMs = this.#nowMs();
    this.#udp.noteSilence(to);
    if (this.#udp.state(nowMs) !== this.#told?.udp) this.#tell();
  }

  /** What a check has shown; where it has shown nothing the last one's word stands. */
  noteFindings(findings: ReachFindings): void {
    const { fromOtherPort, fromStranger, forwardedPort, bat } = this.#findings;
    this.#findings = {
      fromOtherPort: findings.fromOtherPort ?? fromOtherPort,
      fromStranger: findings.fromStranger ?? fromStranger,
      forwardedPort: findings.forwardedPort ?? forwardedPort,
      bat: findings.bat ?? bat,
    };
    this.#tell();
  }

  #isOurs(voter: Address, { host, port }: Address, nowMs: number): boolean {
    if (port !== this.#hooks.localPort() || !this.#ownHosts(nowMs).includes(host)) return false;
    return isPrivateHost(host) === isPrivateHost(voter.host);
  }

  /** One more voter for what all see alike changes nothing, and that is the usual news. */
  #isAsTold(address: Address): boolean {
    const { mapping, external } = this.#told ?? {};
    return (mapping === 'none' || mapping === 'endpoint-independent') && external !== undefined && equalAddress(external, address);
  }

  /** Asking the system takes longer than all else here. */
  #ownHosts(nowMs: number): readonly string[] {
    if (this.#hostsNow === undefined || nowMs - this.#hostsNow.atMs >= OWN_HOSTS_KEPT_MS) {
      this.#hostsNow = { hosts: this.#hooks.ownHosts(), atMs: nowMs };
    }
    return this.#hostsNow.hosts;
  }

  #tell(): void {
    let view = this.view();
    const host = view.external?.host;
    if (host !== undefined && this.#externalHost !== undefined && host !== this.#externalHost) {
      // Another network, or another address of the router: what got through there says nothing here.
      this.#findings = NO_FINDINGS;
      view = this.view();
    }
    this.#externalHost = host ?? this.#externalHost;
    const text = JSON.stringify(view);
    this.#told = view;
    if (text === this.#toldText) return;
    this.#toldText = text;
    this.#hooks.onChanged(view);
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }
}
