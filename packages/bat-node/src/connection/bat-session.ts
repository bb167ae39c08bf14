// pure: the BatSession port: an authenticated connection after HELLO, carrying streams with credit.
import type { Address, CloseReason, Connection } from '@batchain/shared';

/** What the peer told of itself in HELLO. */
export interface PeerHello {
  readonly version: number;
  /** Largest shard that it stores, bytes; 0 when it hosts nothing. */
  readonly shardBytesMax: number;
  readonly relays: boolean;
  /** Our own address as the peer saw it. */
  readonly observedAddress: Address | undefined;
}

/** One item of a stream, in order. */
export type StreamItem = { readonly kind: 'control'; readonly bytes: Uint8Array } | { readonly kind: 'data'; readonly bytes: Uint8Array };

/** A two-way stream inside a session. A stalled reader stalls its own stream only. */
export interface BatStream {
  /**
   * Sends a control frame (CBOR, at most CONTROL_BYTES_MAX). Rejects with StreamClosedError once reset or closed. A frame
   * that the peer leaves without credit, or takes too slowly, resets the stream with `timeout`.
   */
  sendControl(bytes: Uint8Array): Promise<void>;
  /** Sends raw bytes (any length, split into messages); waits for credit without a deadline of its own: see withPace. The bytes must not change until it resolves. */
  sendData(bytes: Uint8Array): Promise<void>;
  /** No more from this side. */
  end(): Promise<void>;
  /** Ends both directions now, with a reason word for the peer. */
  reset(reason: string): void;
  /** The next item; undefined after the peer's end. Rejects with StreamClosedError on reset, close or `deadlineMs` without an item. */
  next(options?: { readonly timeoutMs?: number }): Promise<StreamItem | undefined>;
  /** Data bytes sent (handed to the connection) and read so far. */
  readonly movedBytes: number;
  /**
   * From now on the peer may send data in frames of any length: the stream carries a connection, whose own messages are short now
   * and then. The session's count of small frames still holds.
   */
  allowTinyFrames(): void;
}

/** The one live session to a peer. */
export interface BatSession {
  readonly connection: Connection;
  readonly hello: PeerHello;
  /** Rejects with StreamClosedError when the session is closed or has too many open streams for too long. */
  openStream(options?: { readonly signal?: AbortSignal }): Promise<BatStream>;
  /** Ends the session and every stream in it now. */
  close(reason: string): void;
  readonly closed: Promise<CloseReason>;
  /** True while new streams can be opened. */
  readonly isUsable: boolean;
  /** Monotonic clock, when HELLO was through. */
  readonly sinceMs: number;
  /** For how long nothing was heard of the peer: pings are answered every few seconds, so a live one is never silent for long. */
  readonly silentMs: number;
  /** Smoothed round-trip time of the pings; undefined before the first. */
  readonly rttMs: number | undefined;
}
