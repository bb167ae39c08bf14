// driven: relays that lie, each named by what it does to the connections that it carries; all else about them is honest.
import { type BatSession, type BatStream, RelayService, WsListener } from '@batchain/bat-node';
import type { KeyPair, Runtime } from '@batchain/shared';
import { StreamDuplex } from '../../packages/bat-node/src/connection/stream-duplex.ts';
import { batAnswerCodec } from '../../packages/bat-node/src/wire/frame-codecs.ts';
import { tapped } from './relayed.ts';

export type HostileRelay = RelayService & {
  /** What it did so far. */
  readonly lies: number;
  /** Bytes of the two ends that it could read. */
  readonly readBytes: number;
};

type ServeArguments = Parameters<RelayService['serve']>;

/** Flips a bit in every n-th frame. */
export function bendingRelay(everyNth: number): new (runtime: Runtime) => HostileRelay {
  return class extends RelayService {
    lies = 0;
    readonly readBytes = 0;
    #frames = 0;

    override serve(session: BatSession, stream: BatStream, request: ServeArguments[2]): Promise<void> {
      return super.serve(
        session,
        tapped(stream, (bytes) => this.#bent(bytes)),
        request,
      );
    }

    #bent(bytes: Uint8Array): Uint8Array {
      this.#frames++;
      if (this.#frames % everyNth !== 0) return bytes;
      this.lies++;
      const bent = bytes.slice();
      const at = bent.length >> 1;
      bent[at] = (bent[at] as number) ^ 1;
      return bent;
    }
  };
}

/** Answers whoever asks for a circuit itself, as if it were the node that is wanted there. */
export class PosingRelay extends RelayService {
  lies = 0;
  readBytes = 0;
  readonly #listener: WsListener;

  constructor(runtime: Runtime, keyPair: KeyPair) {
    super(runtime);
    this.#listener = new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0 });
  }

  override async serve({ connection }: BatSession, stream: BatStream): Promise<void> {
    this.lies++;
    await stream.sendControl(batAnswerCodec.encode({ kind: 'relay-ready', bytesMax: 1e9, bytesLeftToday: 1e9, msMax: 1e6 }));
    await stream.sendControl(batAnswerCodec.encode({ kind: 'relay-open' }));
    const facts = { expected: connection.peer.nodeId, path: 'relayed', remoteAddress: undefined } as const;
    const opened = await this.#listener.acceptOver(new StreamDuplex(stream), facts, { timeoutMs: 5000 });
    if (!opened.ok) return;
    opened.value.onMessage((bytes) => {
      this.readBytes += bytes.length;
    });
    await opened.value.closed;
  }
}
