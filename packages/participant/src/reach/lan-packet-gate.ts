// pure: which multicast DNS packets reach the decoder and which answers leave: cheap checks before anything is decoded.
import { BoundedMap, TokenBucket } from '@batchain/kad-node';
import type { LanInterface } from '../adapters/lan-interfaces.ts';
import {
  LAN_ANSWERS_BURST,
  LAN_ANSWERS_PER_S,
  LAN_PACKET_BYTES_MAX,
  LAN_PACKETS_BURST,
  LAN_PACKETS_PER_S,
  LAN_PACKETS_PER_SOURCE_BURST,
  LAN_PACKETS_PER_SOURCE_PER_S,
  LAN_SOURCES_MAX,
} from '../limits.ts';
import { LAN_SERVICE_NAME } from './lan-advert.ts';
import { isOnLink } from './on-link.ts';

/** Our service's label as DNS writes it: its length, then its letters. Whatever concerns us has it once, uncompressed. */
const LABEL = Buffer.from(`${String.fromCharCode(LAN_SERVICE_NAME.length + 1)}_${LAN_SERVICE_NAME}`);
const HEADER_BYTES = 12;
/** Third byte of the header: set in answers. */
const ANSWER_BIT = 0x80;

export class LanPacketGate {
  readonly #lan: LanInterface;
  readonly #sources = new BoundedMap<string, TokenBucket>(LAN_SOURCES_MAX);
  readonly #all: TokenBucket;
  readonly #answers: TokenBucket;

  constructor(lan: LanInterface, nowMs: number) {
    this.#lan = lan;
    this.#all = new TokenBucket(LAN_PACKETS_PER_S, LAN_PACKETS_BURST, nowMs);
    this.#answers = new TokenBucket(LAN_ANSWERS_PER_S, LAN_ANSWERS_BURST, nowMs);
  }

  /**
   * True when a packet is to be decoded: it concerns us, comes from the network of this interface (RFC 6762 section 11; the system
   * shows every socket what came through any interface), and its sender has not sent too many.
   */
  admits(packet: Buffer, source: string, nowMs: number): boolean {
    if (packet.length < HEADER_BYTES || packet.length > LAN_PACKET_BYTES_MAX || !packet.includes(LABEL)) return false;
    if (!isOnLink(source, this.#lan)) return false;
    let bucket = this.#sources.get(source);
    if (bucket === undefined) {
      bucket = new TokenBucket(LAN_PACKETS_PER_SOURCE_PER_S, LAN_PACKETS_PER_SOURCE_BURST, nowMs);
      this.#sources.set(source, bucket);
    }
    return bucket.take(nowMs) && this.#all.take(nowMs);
  }

  /** True when a packet of ours may go out: searches are paced by who starts them, answers by this. */
  mayLeave(packet: Uint8Array, nowMs: number): boolean {
    const isAnswer = ((packet[2] ?? 0) & ANSWER_BIT) !== 0;
    return !isAnswer || this.#answers.take(nowMs);
  }
}
