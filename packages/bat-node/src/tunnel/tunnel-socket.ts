// driven: the DatagramSocket port over a stream of a session: the KadNode of a machine without UDP speaks through another participant.
import { type Address, assert, type DatagramHandler, type DatagramSocket, fail, ok, type Result } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import { StreamClosedError } from '../connection/stream-closed-error.ts';
import { TUNNEL_OPEN_TIMEOUT_MS } from '../limits.ts';
import { batAnswerCodec, batRequestCodec } from '../wire/frame-codecs.ts';
import { DatagramLane } from './datagram-lane.ts';
import { decodeTunnelled, isTunnelled } from './tunnel-frame.ts';

/** `refused`: it serves no tunnels, or has no more; `closed`: the session ended meanwhile. */
export type TunnelFailure = 'refused' | 'timeout' | 'closed' | 'malformed' | 'aborted';

const UNSPECIFIED_HOSTS: readonly string[] = ['0.0.0.0', '::'];

/** Asks the peer of a session to carry our datagrams. The stream is the tunnel's: closing the socket ends it, the session stays. */
export async function openTunnel(
  session: BatSession,
  options: { readonly signal: AbortSignal },
): Promise<Result<TunnelSocket, TunnelFailure>> {
  const { signal } = options;
  let stream: BatStream | undefined;
  const onAbort = (): void => stream?.reset('cancelled');
  signal.addEventListener('abort', onAbort);
  try {
    stream = await session.openStream({ signal });
    await stream.sendControl(batRequestCodec.encode({ verb: 'kad-tunnel' }));
    const item = await stream.next({ timeoutMs: TUNNEL_OPEN_TIMEOUT_MS });
    const answer = item?.kind === 'control' ? batAnswerCodec.decode(item.bytes) : undefined;
    if (answer?.ok === true && answer.value.kind === 'tunnel-open') return ok(new TunnelSocket(session, stream, answer.value.address));
    stream.reset('cancelled');
    if (answer?.ok === true && answer.value.kind === 'refused') return fail('refused', answer.value.detail || answer.value.reason);
    return fail('malformed', 'no answer to kad-tunnel');
  } catch (error) {
    stream?.reset('cancelled');
    if (signal.aborted) return fail('aborted');
    if (!(error instanceof StreamClosedError)) throw error;
    return fail(error.reason === 'timeout' ? 'timeout' : 'closed', error.reason);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Made by openTunnel. Everybody reaches this node at `localAddress` while it lives. Only Kad datagrams go through; others are dropped. */
export class TunnelSocket implements DatagramSocket {
  /** Whose participant carries the datagrams. */
  readonly session: BatSession;
  /** Where the peer receives for us. */
  readonly localAddress: Address;
  /** Resolves once, with the reason, when nothing goes through any more; `local` after close. */
  readonly closed: Promise<string>;
  readonly #stream: BatStream;
  readonly #lane: DatagramLane;
  #handler: DatagramHandler | undefined;
  #isClosed = false;
  #onClosed: (reason: string) => void = () => undefined;

  constructor(session: BatSession, stream: BatStream, told: Address) {
    this.session = session;
    this.#stream = stream;
    this.#lane = new DatagramLane(stream);
    const dialled = session.connection.remoteAddress?.host;
    this.localAddress = UNSPECIFIED_HOSTS.includes(told.host) && dialled !== undefined ? { host: dialled, port: told.port } : told;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  async open(onDatagram: DatagramHandler): Promise<void> {
    assert(this.#handler === undefined, 'a socket is opened once');
    this.#handler = onDatagram;
    void this.#read(onDatagram);
  }

  send(bytes: Uint8Array, to: Address): void {
    if (this.#isClosed || this.#handler === undefined || to.port === 0 || !isTunnelled(bytes)) return;
    this.#lane.send({ address: to, bytes });
  }

  async close(): Promise<void> {
    this.#end('local');
  }

  async #read(onDatagram: DatagramHandler): Promise<void> {
    try {
      for (;;) {
        const item = await this.#stream.next();
        if (this.#isClosed) return;
        if (item === undefined) return this.#end('ended');
        const datagram = item.kind === 'control' ? decodeTunnelled(item.bytes) : undefined;
        if (datagram === undefined) return this.#end('malformed');
        onDatagram(datagram.bytes, datagram.address);
      }
    } catch (error) {
      this.#end(error instanceof StreamClosedError ? error.reason : String(error));
    }
  }

  #end(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.reset('done');
    this.#onClosed(reason);
  }
}
