// driven: has the router map our ports, keeps the mappings alive, and takes them back: PCP, else NAT-PMP, else UPnP.
import {
  type Address,
  equalAddress,
  fail,
  formatAddress,
  isDialable,
  isPrivateHost,
  ok,
  type Result,
  type Runtime,
} from '@batchain/shared';
import type { GatewayRoute, NoGateway } from '../adapters/gateway-route.ts';
import { PORT_MAPPING_LIFETIME_MS, PORT_MAPPING_RETRY_MS, PORT_MAPPING_STOP_MS, PORT_MAPPING_STOP_UNANSWERED_MS } from '../limits.ts';
import type { OpenSocket } from './gateway-questions.ts';
import type { MappedProtocol, MappingFailure, MappingMethod, MappingMethodName, MappingRequest } from './mapping-method.ts';
import { type HeldMapping, holdMapping, postponeRenewal } from './mapping-table.ts';
import { NatPmpClient } from './nat-pmp-client.ts';
import { PcpClient } from './pcp-client.ts';
import { UpnpClient } from './upnp-client.ts';

/** RFC 6887 section 19.1. */
const GATEWAY_PORT = 5351;
/** UPnP Device Architecture. */
const SEARCH_PORT = 1900;

export interface PortMapping {
  readonly protocol: MappedProtocol;
  /** What the router says that it is reached under. Nobody has proved it: a dial from outside does. */
  readonly external: Address;
  readonly internalPort: number;
  readonly by: MappingMethodName;
}

export interface PortMapperConfig {
  readonly openSocket: OpenSocket;
  /** The router of now, `findGateway(kad.localAddress)`. */
  readonly findGateway: () => Promise<Result<GatewayRoute, NoGateway>>;
  /** 32 secret bytes, the same after a restart; see PcpClientConfig. */
  readonly nonceKey: Uint8Array;
  /** 5351 and 1900, but for tests. */
  readonly gatewayPort?: number;
  readonly searchPort?: number;
}

export interface PortMapperHooks {
  /** There is a mapping, or it has another address outside. */
  readonly onMapped: (mapping: PortMapping) => void;
  /** It is gone: the router let it lapse, gave another, or we stand behind another router. Not called by `stop`. */
  readonly onLost: (mapping: PortMapping) => void;
}

/** `behind-another-nat`: the router maps, but has no public address itself. */
export type MappingOutcome = 'mapped' | 'behind-another-nat' | MappingFailure;

/** For `doctor`: what was tried last for one port, in order. */
export interface MappingAttempt {
  readonly by: MappingMethodName;
  readonly outcome: MappingOutcome;
  readonly detail?: string;
}

export interface MappedPortState {
  readonly protocol: MappedProtocol;
  readonly internalPort: number;
  readonly external: Address | undefined;
  readonly tried: readonly MappingAttempt[];
}

export interface PortMapperState {
  /** Address of the router, or why none is asked; undefined before it was looked for. */
  readonly gateway: Result<string, NoGateway> | undefined;
  readonly ports: readonly MappedPortState[];
}

/** One port of ours. */
interface WantedPort {
  readonly protocol: MappedProtocol;
  readonly internalPort: number;
  tried: readonly MappingAttempt[];
  mapped: { readonly method: MappingMethod; readonly route: GatewayRoute; held: HeldMapping } | undefined;
}

const equalRoute = (a: GatewayRoute, b: GatewayRoute): boolean => a.gateway === b.gateway && a.ownHost === b.ownHost;

/** Nothing of it fails or holds up: what the router does is told by the hooks and in `state`. */
export class PortMapper {
  readonly #runtime: Runtime;
  readonly #config: PortMapperConfig;
  readonly #hooks: PortMapperHooks;
  readonly #methods: readonly MappingMethod[];
  readonly #stopped = new AbortController();
  #ports: readonly WantedPort[] = [];
  #gateway: PortMapperState['gateway'];
  #working: Promise<void> | undefined;
  /** Ends the wait for the next round. */
  #wake: AbortController = new AbortController();
  #isWoken = false;
  /** A request under way: what it asks for may come to be after we have ended. */
  #underWay: { readonly method: MappingMethod; readonly route: GatewayRoute; readonly request: MappingRequest } | undefined;

  constructor(runtime: Runtime, config: PortMapperConfig, hooks: PortMapperHooks) {
    this.#runtime = runtime;
    this.#config = config;
    this.#hooks = hooks;
    const { openSocket, nonceKey, gatewayPort: port = GATEWAY_PORT, searchPort = SEARCH_PORT } = config;
    this.#methods = [
      new PcpClient(runtime, openSocket, { port, nonceKey }),
      new NatPmpClient(runtime, openSocket, { port }),
      new UpnpClient(runtime, openSocket, { searchPort }),
    ];
  }

  /** Begins; what comes of it is told by the hooks. To be called once. */
  start({ udpPort, tcpPort }: { readonly udpPort?: number; readonly tcpPort?: number }): void {
    if (this.#working !== undefined || this.#stopped.signal.aborted) return;
    const port = (protocol: MappedProtocol, internalPort: number | undefined): WantedPort[] =>
      internalPort === undefined ? [] : [{ protocol, internalPort, tried: [], mapped: undefined }];
    this.#ports = [...port('udp', udpPort), ...port('tcp', tcpPort)];
    this.#working = this.#work();
  }

  /** The network has changed, or a mapping is known not to work any more: all are asked for anew now. */
  refresh(): void {
    for (const { mapped } of this.#ports) if (mapped !== undefined) mapped.held = { ...mapped.held, renewAtMs: 0 };
    this.#isWoken = true;
    this.#wake.abort();
  }

  /** Takes the mappings back; within PORT_MAPPING_STOP_MS, whatever the router does. */
  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    const { clock } = this.#runtime;
    const deadline = clock.timeoutSignal(PORT_MAPPING_STOP_MS);
    const ended = new Promise<void>((resolve) => deadline.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.#takeBack(deadline), ended]);
  }

  state(): PortMapperState {
    const ports = this.#ports.map(({ protocol, internalPort, tried, mapped }) => ({
      protocol,
      internalPort,
      external: mapped?.held.external,
      tried,
    }));
    return { gateway: this.#gateway, ports };
  }

  async #takeBack(deadline: AbortSignal): Promise<void> {
    const asked = this.#underWay;
    await this.#working;
    const held = this.#ports.flatMap((port) =>
      port.mapped === undefined ? [] : [port.mapped.method.unmap(port.mapped.route, requestFor(port), deadline)],
    );
    for (const port of this.#ports) port.mapped = undefined;
    const soon = this.#runtime.clock.timeoutSignal(PORT_MAPPING_STOP_UNANSWERED_MS);
    await Promise.all([...held, asked?.method.unmap(asked.route, asked.request, soon)]);
  }

  async #work(): Promise<void> {
    const { clock, log } = this.#runtime;
    while (!this.#stopped.signal.aborted) {
      this.#isWoken = false;
      this.#wake = new AbortController();
      await this.#round().catch((error: unknown) => log.warn('portmap.failed', { error: String(error) }));
      if (this.#isWoken) continue;
      const signal = AbortSignal.any([this.#stopped.signal, this.#wake.signal]);
      await clock.sleep(this.#nextMs(), signal).catch(() => undefined);
    }
  }

  #nextMs(): number {
    const nowMs = this.#runtime.clock.monotonicMs();
    const renewals = this.#ports.map(({ mapped }) => (mapped === undefined ? PORT_MAPPING_RETRY_MS : mapped.held.renewAtMs - nowMs));
    return Math.max(0, Math.min(PORT_MAPPING_RETRY_MS, ...renewals));
  }

  async #round(): Promise<void> {
    const found = await this.#config.findGateway();
    this.#gateway = found.ok ? ok(found.value.gateway) : found;
    for (const port of this.#ports) {
      if (port.mapped !== undefined && !(found.ok && equalRoute(found.value, port.mapped.route))) this.#lose(port);
    }
    if (!found.ok) return;
    /** What does not speak at all is not asked again for the other port. */
    const silent = new Set<MappingMethod>();
    for (const port of this.#ports) {
      if (port.mapped !== undefined) await this.#renew(port);
      if (port.mapped === undefined) await this.#map(port, found.value, silent);
    }
  }

  async #renew(port: WantedPort): Promise<void> {
    const { mapped } = port;
    const { clock } = this.#runtime;
    if (mapped === undefined || clock.monotonicMs() < mapped.held.renewAtMs) return;
    const asked = await this.#ask(mapped.method, mapped.route, requestFor(port));
    if (asked.ok) {
      const hasMoved = !equalAddress(asked.value.external, mapped.held.external);
      if (hasMoved) this.#lose(port);
      port.mapped = { ...mapped, held: asked.value };
      if (hasMoved) this.#tellMapped(port);
      return;
    }
    // No is an answer: the mapping is not ours any more. Silence is not.
    const held = asked.reason === 'no-answer' || asked.reason === 'failed' ? postponeRenewal(mapped.held, clock.monotonicMs()) : undefined;
    if (held === undefined) this.#lose(port);
    else port.mapped = { ...mapped, held };
  }

  async #map(port: WantedPort, route: GatewayRoute, silent: Set<MappingMethod>): Promise<void> {
    const tried: MappingAttempt[] = [];
    for (const method of this.#methods) {
      if (silent.has(method) || this.#stopped.signal.aborted) continue;
      const asked = await this.#ask(method, route, requestFor(port));
      if (asked.ok) {
        port.mapped = { method, route, held: asked.value };
        port.tried = [...tried, { by: method.name, outcome: 'mapped' }];
        this.#tellMapped(port);
        return;
      }
      tried.push({ by: method.name, outcome: asked.reason, ...(asked.detail === undefined ? {} : { detail: asked.detail }) });
      if (asked.reason === 'no-answer' || asked.reason === 'unsupported') silent.add(method);
      // Another protocol of the same router does not make its address public.
      if (asked.reason === 'behind-another-nat') break;
    }
    if (!this.#stopped.signal.aborted && tried.length > 0) port.tried = tried;
    this.#runtime.log.debug('portmap.none', { protocol: port.protocol, tried: port.tried });
  }

  /** What it grants is judged here: only an address that others can reach is a mapping. */
  async #ask(
    method: MappingMethod,
    route: GatewayRoute,
    request: MappingRequest,
  ): Promise<Result<HeldMapping, Exclude<MappingOutcome, 'mapped'>>> {
    const askedMs = this.#runtime.clock.monotonicMs();
    this.#underWay = { method, route, request };
    const asked = await method.map(route, request, this.#stopped.signal);
    if (!asked.ok) {
      if (!this.#stopped.signal.aborted) this.#underWay = undefined;
      return asked;
    }
    this.#underWay = undefined;
    const { external, lifetimeMs } = asked.value;
    if (!isPrivateHost(external.host) && isDialable(external, []) && lifetimeMs > 0)
      return ok(holdMapping(asked.value, askedMs, request.lifetimeMs));
    await method.unmap(route, { ...request, externalPort: external.port }, this.#stopped.signal);
    return isPrivateHost(external.host) ? fail('behind-another-nat', external.host) : fail('malformed', formatAddress(external));
  }

  #lose(port: WantedPort): void {
    const mapping = mappingOf(port);
    port.mapped = undefined;
    if (mapping === undefined) return;
    this.#runtime.log.info('portmap.lost', { protocol: mapping.protocol, external: formatAddress(mapping.external) });
    this.#hooks.onLost(mapping);
  }

  #tellMapped(port: WantedPort): void {
    const mapping = mappingOf(port);
    if (mapping === undefined || this.#stopped.signal.aborted) return;
    this.#runtime.log.info('portmap.mapped', { protocol: mapping.protocol, external: formatAddress(mapping.external), by: mapping.by });
    this.#hooks.onMapped(mapping);
  }
}

function requestFor({ protocol, internalPort, mapped }: WantedPort): MappingRequest {
  return { protocol, internalPort, externalPort: mapped?.held.external.port ?? internalPort, lifetimeMs: PORT_MAPPING_LIFETIME_MS };
}

function mappingOf({ protocol, internalPort, mapped }: WantedPort): PortMapping | undefined {
  return mapped === undefined ? undefined : { protocol, internalPort, external: mapped.held.external, by: mapped.method.name };
}
