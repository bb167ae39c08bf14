// driven: the ports that a router forwards to this node: asked for once it is known that a router stands between it and the others.
import { type KeyPair, type Runtime, sha256, utf8Bytes } from '@batchain/shared';
import type { PortMapping, SelfDescription } from './describe-self.ts';
import type { MappingTrial } from './diagnosis.ts';
import { PortMapper, type PortMapperConfig } from './port-mapper.ts';

export interface RouterPortsParts {
  readonly keyPair: KeyPair;
  /** Sockets and the route; undefined: no router is asked. */
  readonly asking: Omit<PortMapperConfig, 'nonceKey'> | undefined;
  /** The ports on which this node listens; only asked once they are bound. */
  readonly ports: () => { readonly udpPort: number; readonly tcpPort: number };
  readonly onMapped: (mapping: PortMapping) => void;
  readonly onLost: (protocol: PortMapping['protocol']) => void;
}

export class RouterPorts {
  readonly #parts: RouterPortsParts;
  readonly #mapper: PortMapper | undefined;
  #isAsking = false;

  constructor(runtime: Runtime, parts: RouterPortsParts) {
    this.#parts = parts;
    const { asking, keyPair, onMapped, onLost } = parts;
    if (asking === undefined) return;
    // Secret, and the same after a restart: a deterministic signature (RFC 8032) of a label that nothing else signs.
    const nonceKey = sha256(keyPair.sign(utf8Bytes('batchain/1/port-mapping')));
    this.#mapper = new PortMapper(runtime, { ...asking, nonceKey }, { onMapped, onLost: ({ protocol }) => onLost(protocol) });
  }

  /** How this node stands now. */
  askWhereNeeded({ reach }: SelfDescription): void {
    if (this.#isAsking || this.#mapper === undefined || reach !== 'punched') return;
    this.#isAsking = true;
    this.#mapper.start(this.#parts.ports());
  }

  /** The network has changed. */
  refresh(): void {
    this.#mapper?.refresh();
  }

  async stop(): Promise<void> {
    await this.#mapper?.stop();
  }

  /** What the router was asked for, one trial for each way and port. */
  get trials(): readonly MappingTrial[] {
    return (this.#mapper?.state().ports ?? []).flatMap(({ protocol, tried }) =>
      tried.map(({ by, outcome, detail }) => ({ by, protocol, outcome, detail })),
    );
  }
}
