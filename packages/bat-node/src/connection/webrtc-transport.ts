// driven: data channels by ICE (WebRTC) to peers that a signed signal described; the only importer of `node-datachannel`.
import { type Address, type DialFailure, fail, isDialable, ok, type Result, type Runtime } from '@batchain/shared';
import { CHANNEL_ATTEMPTS_MAX, CHANNELS_MAX, SCTP_BUFFER_BYTES, SCTP_CHUNKS_MAX } from '../limits.ts';
import { type IceDescription, judgeIceDescription } from './ice-description.ts';
import {
  type AttemptParts,
  type DataChannelAttempt,
  type DataChannelOptions,
  LIBRARY_MESSAGE_BYTES_MAX,
  WebrtcAttempt,
} from './webrtc-attempt.ts';
import { makeScratch } from './webrtc-connection.ts';

export type { DataChannelAttempt, DataChannelOptions };

export interface DataChannelConfig {
  /** Addresses of our own interfaces now: they decide which private addresses may be sent to. */
  readonly ownHosts: () => readonly string[];
  /**
   * UDP port that all channels share to which we are called, so that one forwarded port serves all peers; each has a free one of
   * its own without. Calls of ours always have: the library tells channels on a shared port apart by the peer's address, so two
   * between the same two shared ports, as after a peer's restart, would be in each other's way.
   */
  readonly udpPort?: number;
  /** Local address to use; all interfaces without. */
  readonly bindHost?: string;
}

type Library = Pick<typeof import('node-datachannel'), 'PeerConnection' | 'setSctpSettings'>;

let loading: Promise<Result<Library, DialFailure>> | undefined;

/** Loads the native part at the first use: a node without it works, without this way of connecting. Its settings are global. */
function loadLibrary(): Promise<Result<Library, DialFailure>> {
  loading ??= import('node-datachannel').then(
    (library) => {
      library.setSctpSettings({ recvBufferSize: SCTP_BUFFER_BYTES, sendBufferSize: SCTP_BUFFER_BYTES, maxChunksOnQueue: SCTP_CHUNKS_MAX });
      return ok(library);
    },
    (error: Error) => fail('not-dialable', `data channels are not available here: ${error.message}`),
  );
  return loading;
}

/** Makes attempts. What they send to is up to the descriptions, within isDialable and the limits per IP. */
export class DataChannelTransport {
  readonly #runtime: Runtime;
  readonly #config: DataChannelConfig;
  readonly #scratch = makeScratch();
  readonly #attempts = new Set<WebrtcAttempt>();
  #channels = 0;
  #isClosed = false;

  constructor(runtime: Runtime, config: DataChannelConfig) {
    this.#runtime = runtime;
    this.#config = config;
  }

  /** Channels that hold resources: attempts and connections. */
  get openChannels(): number {
    return this.#channels;
  }

  /** The caller's end: offers, and is the initiator of the connection. Fails with `not-dialable` without the native part. */
  prepareCall(options: DataChannelOptions): Promise<Result<DataChannelAttempt, DialFailure>> {
    return this.#prepare('caller', undefined, options);
  }

  /** The called end: answers the caller's description. */
  prepareAnswer(remote: IceDescription, options: DataChannelOptions): Promise<Result<DataChannelAttempt, DialFailure>> {
    const wrong = judgeIceDescription(remote);
    if (wrong !== undefined) return Promise.resolve(fail('error', wrong));
    return this.#prepare('called', remote, options);
  }

  /** Ends all attempts; connections live on until they are closed. */
  close(): void {
    this.#isClosed = true;
    for (const attempt of [...this.#attempts]) attempt.close();
  }

  async #prepare(
    role: AttemptParts['role'],
    offer: IceDescription | undefined,
    options: DataChannelOptions,
  ): Promise<Result<DataChannelAttempt, DialFailure>> {
    const library = await loadLibrary();
    if (!library.ok) return library;
    if (options.signal.aborted || this.#isClosed) return fail('aborted');
    if (this.#attempts.size >= CHANNEL_ATTEMPTS_MAX || this.#channels >= CHANNELS_MAX) return fail('refused', 'too many data channels');
    let attempt: WebrtcAttempt;
    try {
      attempt = this.#makeAttempt(library.value, role, offer, options);
    } catch (error) {
      return fail('error', error instanceof Error ? error.message : String(error));
    }
    this.#attempts.add(attempt);
    return attempt.prepare();
  }

  #makeAttempt(
    library: Library,
    role: AttemptParts['role'],
    offer: IceDescription | undefined,
    options: DataChannelOptions,
  ): WebrtcAttempt {
    const { ownHosts } = this.#config;
    const peer = new library.PeerConnection(role, this.#peerConfig(role, options));
    const attempt: WebrtcAttempt = new WebrtcAttempt(
      this.#runtime,
      peer,
      {
        role,
        offer,
        ownHosts,
        scratch: this.#scratch,
        onEnd: () => {
          this.#channels -= 1;
        },
        onSettled: () => this.#attempts.delete(attempt),
      },
      options,
    );
    this.#channels += 1;
    return attempt;
  }

  #peerConfig(role: AttemptParts['role'], { stun, bindPort }: DataChannelOptions): ConstructorParameters<Library['PeerConnection']>[1] {
    const { bindHost, ownHosts } = this.#config;
    const sharedPort = role === 'called' && bindPort === undefined ? this.#config.udpPort : undefined;
    const port = bindPort ?? sharedPort;
    return {
      iceServers: this.#stunServers(stun, ownHosts()),
      ...(bindHost !== undefined && { bindAddress: bindHost }),
      ...(port !== undefined && { portRangeBegin: port, portRangeEnd: port }),
      enableIceUdpMux: sharedPort !== undefined,
      maxMessageSize: LIBRARY_MESSAGE_BYTES_MAX,
    };
  }

  /** Never more than one: the library takes one at random, and a dead one holds it up for 23 s. */
  #stunServers(stun: Address | undefined, ownHosts: readonly string[]): { readonly hostname: string; readonly port: number }[] {
    if (stun === undefined || !isDialable(stun, ownHosts)) return [];
    return [{ hostname: stun.host, port: stun.port }];
  }
}
