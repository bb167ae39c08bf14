// driven: port mapping by UPnP through @achingbrain/nat-port-mapper; its only importer.
import { fail, makeAddress, ok, type Result, type Runtime, second } from '@batchain/shared';
import type { GatewayRoute } from '../adapters/gateway-route.ts';
import { UPNP_TIMEOUT_MS } from '../limits.ts';
import { askGateway, type OpenSocket } from './gateway-questions.ts';
import type { GrantedMapping, MappingFailure, MappingMethod, MappingRequest } from './mapping-method.ts';
import { encodeSsdpSearch, readSsdpAnswer, SSDP_GROUP } from './ssdp.ts';

const WAN_SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:2';
const DESCRIPTION = 'BatChain';
/** The library asks for no shorter lease. */
const LEASE_MIN_MS: number = 3600 * second;

type Library = typeof import('@achingbrain/nat-port-mapper');
type Router = Awaited<ReturnType<ReturnType<Library['upnpNat']>['getGateway']>>;

/** Its own calls are all we need of the library's object behind the router. */
interface RouterInside {
  readonly gateway: {
    run(service: string, action: string, args: readonly (readonly [string, string | number])[], options: object): Promise<unknown>;
  };
}

/**
 * The search is ours: that of the library opens port 1900 on all interfaces, fetches whatever address anybody in the LAN names, and has
 * no deadline. It knows version 2 of the router's device only.
 */
export class UpnpClient implements MappingMethod {
  readonly name = 'upnp';
  readonly #runtime: Runtime;
  readonly #openSocket: OpenSocket;
  readonly #searchPort: number;

  /** `searchPort` is 1900, but for tests. */
  constructor(runtime: Runtime, openSocket: OpenSocket, { searchPort }: { readonly searchPort: number }) {
    this.#runtime = runtime;
    this.#openSocket = openSocket;
    this.#searchPort = searchPort;
  }

  async map(route: GatewayRoute, request: MappingRequest, signal: AbortSignal): Promise<Result<GrantedMapping, MappingFailure>> {
    const { protocol, internalPort, externalPort, lifetimeMs } = request;
    return await this.#withRouter(route, signal, async (router, deadline) => {
      const mapping = await router.map(internalPort, route.ownHost, {
        protocol,
        externalPort,
        ttl: lifetimeMs,
        description: DESCRIPTION,
        autoRefresh: false,
        signal: deadline,
      });
      const external = makeAddress(String(mapping.externalHost), mapping.externalPort);
      return external === undefined ? fail('malformed') : ok({ external, lifetimeMs: Math.max(lifetimeMs, LEASE_MIN_MS) });
    });
  }

  async unmap(route: GatewayRoute, { protocol, externalPort }: MappingRequest, signal: AbortSignal): Promise<void> {
    await this.#withRouter(route, signal, async (router, deadline) => {
      // The library's own unmap names no protocol and the inner port, which routers refuse.
      const { gateway } = router as unknown as RouterInside;
      const args = [
        ['NewRemoteHost', ''],
        ['NewExternalPort', externalPort],
        ['NewProtocol', protocol.toUpperCase()],
      ] as const;
      await gateway.run(WAN_SERVICE, 'DeletePortMapping', args, { signal: deadline });
      return ok(undefined);
    });
  }

  async #withRouter<T>(
    route: GatewayRoute,
    signal: AbortSignal,
    use: (router: Router, deadline: AbortSignal) => Promise<Result<T, MappingFailure>>,
  ): Promise<Result<T, MappingFailure>> {
    const { clock } = this.#runtime;
    const deadline = AbortSignal.any([signal, clock.timeoutSignal(UPNP_TIMEOUT_MS)]);
    const found = await this.#search(route, deadline);
    if (!found.ok) return found;
    const asked = async (): Promise<Result<T, MappingFailure>> => {
      // Most participants never come here, and it brings twenty packages along.
      const { upnpNat } = await import('@achingbrain/nat-port-mapper');
      return await use(await upnpNat().getGateway(found.value, { signal: deadline }), deadline);
    };
    const late = new Promise<never>((_, reject) => {
      if (deadline.aborted) reject(deadline.reason);
      deadline.addEventListener('abort', () => reject(deadline.reason), { once: true });
    });
    try {
      return await Promise.race([asked(), late]);
    } catch (error) {
      return failureOf(error, deadline);
    }
  }

  #search(route: GatewayRoute, signal: AbortSignal): Promise<Result<URL, 'no-answer' | 'failed'>> {
    const bytes = encodeSsdpSearch(this.#searchPort);
    // To the router alone as well: some networks let no multicast through.
    const packets = [route.gateway, SSDP_GROUP].map((host) => ({ to: { host, port: this.#searchPort }, bytes }));
    const question = {
      ownHost: route.ownHost,
      packets,
      read: (answer: Uint8Array, from: { readonly host: string }): URL | undefined =>
        from.host === route.gateway ? readSsdpAnswer(answer, route.gateway) : undefined,
    };
    return askGateway(this.#runtime, this.#openSocket, question, signal);
  }
}

function failureOf(error: unknown, deadline: AbortSignal): Result<never, MappingFailure> {
  const { name, message } = error as { readonly name?: string; readonly message?: string };
  if (deadline.aborted) return fail('failed', 'it did not answer in time');
  if (name === 'UPnPError') return fail('refused', message);
  if (message?.startsWith('Device type was not') === true) return fail('unsupported', 'it speaks version 1 of UPnP only');
  if (message === 'Service not found') return fail('unsupported', message);
  return fail('failed', message ?? String(error));
}
