// pure: what a peer needs to rebuild our side of a data channel, to and from the library's SDP (RFC 8866, RFC 8839).
import { type Address, formatAddress, fromHex, isDialable, isPrivateHost, makeAddress, sha256, toHex, utf8Bytes } from '@batchain/shared';
import { ICE_CANDIDATES_MAX, ICE_CANDIDATES_PER_IP_MAX } from '../limits.ts';

export interface IceCandidate {
  readonly kind: 'host' | 'reflexive';
  readonly address: Address;
}

/** One end of a data channel; travels in a signed signal. At most ICE_CANDIDATES_MAX candidates. */
export interface IceDescription {
  /** 4 to 32 characters of RFC 8839's `ice-char`. */
  readonly ufrag: string;
  /** 22 to 64 of them. */
  readonly password: string;
  /** SHA-256 of the DTLS certificate, 32 bytes. */
  readonly fingerprint: Uint8Array;
  readonly candidates: readonly IceCandidate[];
}

/** The part of an end in the exchange, and in DTLS: who begins the handshake. */
export interface SdpFacts {
  readonly setup: 'active' | 'passive' | 'actpass';
  readonly messageBytesMax: number;
}

/** The one media section of the SDP. */
export const MEDIA_ID = '0';
const FINGERPRINT_BYTES = 32;
const UFRAG_PATTERN = /^[A-Za-z0-9+/]{4,32}$/;
const PASSWORD_PATTERN = /^[A-Za-z0-9+/]{22,64}$/;
const BINDING_TAG: Uint8Array = utf8Bytes('batchain/channel-binding/1\0');
/** RFC 8445 section 5.1.2.1: type preference of host and of server-reflexive candidates. */
const TYPE_PREFERENCE = { host: 126, reflexive: 100 };

/** What is wrong with a description from outside; undefined when nothing is. It guards the SDP against smuggled lines. */
export function judgeIceDescription(description: IceDescription): string | undefined {
  if (!UFRAG_PATTERN.test(description.ufrag)) return 'a malformed ICE name';
  if (!PASSWORD_PATTERN.test(description.password)) return 'a malformed ICE password';
  if (description.fingerprint.length !== FINGERPRINT_BYTES) return 'a malformed fingerprint';
  return description.candidates.length > ICE_CANDIDATES_MAX ? `more than ${ICE_CANDIDATES_MAX} candidates` : undefined;
}

/** Those of the peer's candidates that we send to: dialable ones, and few to any one IP, whoever claims to be there (T8). */
export function usableCandidates(candidates: readonly IceCandidate[], ownHosts: readonly string[]): readonly IceCandidate[] {
  const perIp = new Map<string, number>();
  return candidates.slice(0, ICE_CANDIDATES_MAX).filter(({ address }) => {
    const canonical = makeAddress(address.host, address.port);
    if (canonical === undefined || !isDialable(canonical, ownHosts)) return false;
    const count = (perIp.get(canonical.host) ?? 0) + 1;
    perIp.set(canonical.host, count);
    return count <= ICE_CANDIDATES_PER_IP_MAX;
  });
}

/** Our own description from what the library says of itself; undefined when it lacks a part. */
export function readLocalDescription(sdp: string): IceDescription | undefined {
  const attribute = (name: string): string | undefined => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1];
  const [ufrag, password] = [attribute('ice-ufrag'), attribute('ice-pwd')];
  const fingerprint = readFingerprint(attribute('fingerprint')?.replace(/^sha-256 /i, ''));
  if (ufrag === undefined || password === undefined || fingerprint === undefined) return undefined;
  const candidates = sdp.split('\n').flatMap((line) => readCandidate(line) ?? []);
  const description = { ufrag, password, fingerprint, candidates: chooseCandidates(candidates) };
  return judgeIceDescription(description) === undefined ? description : undefined;
}

/** Bytes of `AB:CD:...`; undefined when it is no SHA-256. */
export function readFingerprint(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : fromHex(text.replaceAll(':', '').toLowerCase(), FINGERPRINT_BYTES);
}

/** A candidate line; undefined for all else, for TCP and relayed ones, and for link-local IPv6. */
function readCandidate(line: string): IceCandidate | undefined {
  const [, host = '', port = '', type = ''] = /^a=candidate:\S+ 1 UDP \d+ (\S+) (\d+) typ (\S+)/i.exec(line) ?? [];
  const address = makeAddress(host, Number(port));
  // Link-local IPv6 needs a zone, which means nothing to the peer.
  if (address === undefined || /^fe[89ab]/i.test(address.host)) return undefined;
  if (type === 'host') return { kind: 'host', address };
  return type === 'srflx' ? { kind: 'reflexive', address } : undefined;
}

/** When there are too many: reflexive ones first, then public, then private, each once. */
function chooseCandidates(candidates: readonly IceCandidate[]): readonly IceCandidate[] {
  const rank = ({ kind, address }: IceCandidate): number => (kind === 'reflexive' ? 0 : isPrivateHost(address.host) ? 2 : 1);
  const byKind = [...candidates].sort((a, b) => (a.kind === b.kind ? 0 : a.kind === 'reflexive' ? -1 : 1));
  // The later one stays: an address of our own that STUN sees as well is no NAT's.
  const unique = new Map(byKind.map((candidate) => [formatAddress(candidate.address), candidate]));
  return [...unique.values()].sort((a, b) => rank(a) - rank(b)).slice(0, ICE_CANDIDATES_MAX);
}

/** The peer's SDP as the library wants it, without candidates. The description has been judged. */
export function formatSdp({ ufrag, password, fingerprint }: IceDescription, { setup, messageBytesMax }: SdpFacts): string {
  const digest = (toHex(fingerprint).match(/../g) ?? []).join(':').toUpperCase();
  return [
    'v=0',
    'o=rtc 1 0 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${MEDIA_ID}`,
    'a=ice-options:ice2,trickle',
    `a=fingerprint:sha-256 ${digest}`,
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    `a=mid:${MEDIA_ID}`,
    'a=sendrecv',
    'a=sctp-port:5000',
    `a=max-message-size:${messageBytesMax}`,
    `a=setup:${setup}`,
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${password}`,
    '',
  ].join('\r\n');
}

/** RFC 8839 section 5.1; priority by RFC 8445 section 5.1.2.1. */
export function formatCandidate({ kind, address }: IceCandidate, index: number): string {
  const priority = TYPE_PREFERENCE[kind] * 2 ** 24 + (0xffff - index) * 2 ** 8 + 0xff;
  const type = kind === 'host' ? 'typ host' : 'typ srflx raddr 0.0.0.0 rport 0';
  return `a=candidate:${index + 1} 1 UDP ${priority} ${address.host} ${address.port} ${type}`;
}

export interface HandshakePlan {
  /** Who sends the ClientHello. */
  readonly client: 'caller' | 'called';
  /** How long the called end leaves the first check to the caller. */
  readonly calledWaitMs: number;
}

/** More than a signal takes between neighbours. */
const NEIGHBOUR_WAIT_MS = 100;
/** More than a signal takes through a broker. */
const HAND_OVER_WAIT_MS = 800;

/**
 * Who begins the DTLS handshake. A ClientHello that arrives before the other end's ICE is connected is lost, and comes again
 * only after a second, so it must be the end that is connected last: the one whose own check did not get through first. The
 * called end sends first, while its answer is on the way. When nothing keeps that check from the caller, the called end is
 * connected before the caller has even read the answer, and the caller begins. Behind a NAT, that is with a reflexive address,
 * the check is lost, the caller's own gets through first, and the called end begins.
 *
 * Where a check takes less time than the library needs to store an answer, a caller whom one has reached before the answer could
 * have the peer's certificate before it is known which one is expected, and refuse it. So between neighbours (private addresses,
 * no STUN), and on a punched path, which lets every check through, the called end waits for the caller's and begins.
 */
export function planHandshake(callerCandidates: readonly IceCandidate[], isHandOver: boolean): HandshakePlan {
  if (isHandOver) return { client: 'called', calledWaitMs: HAND_OVER_WAIT_MS };
  if (callerCandidates.some(({ kind }) => kind === 'reflexive')) return { client: 'called', calledWaitMs: 0 };
  const areNeighbours = callerCandidates.every(({ address }) => isPrivateHost(address.host));
  return areNeighbours ? { client: 'called', calledWaitMs: NEIGHBOUR_WAIT_MS } : { client: 'caller', calledWaitMs: 0 };
}

/** The 32 bytes that name this very connection: SHA-256(tag, caller's and called one's fingerprint, caller's and called one's nonce). */
export function channelBinding(caller: { fingerprint: Uint8Array; nonce: Uint8Array }, called: typeof caller): Uint8Array {
  return sha256(BINDING_TAG, caller.fingerprint, called.fingerprint, caller.nonce, called.nonce);
}
