import { encodeBindingRequest } from '@batchain/kad-node';
import type { Address, DatagramHandler } from '@batchain/shared';
import { makeAddress, present } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { UDP_HEARD_MAX, UDP_HEARD_MS, UDP_PROBE_MS } from '../limits.ts';
import { SwitchingSocket, type Tunnel } from './switching-socket.ts';

const at = (host: string, port = 4870): Address => present(makeAddress(host, port), host);
const KAD = Uint8Array.of(0xbc, 3);
const PUBLIC = at('198.51.100.9');
const NEIGHBOUR = at('192.168.1.9');

/** A socket that keeps what is sent, and hands in what a test says. */
class Wire implements Tunnel {
  readonly sent: string[] = [];
  isClosed = false;
  readonly closed: Promise<string> = new Promise(() => undefined);
  readonly localAddress: Address;
  receive: DatagramHandler = () => undefined;
  onSend: DatagramHandler = () => undefined;

  constructor(host: string) {
    this.localAddress = at(host);
  }

  async open(onDatagram: DatagramHandler): Promise<void> {
    this.receive = onDatagram;
  }

  send(bytes: Uint8Array, to: Address): void {
    this.sent.push(`${bytes[0]} ${to.host}`);
    this.onSend(bytes, to);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

async function makeSocket() {
  const { runtime, clock } = createSimRuntime('switching');
  const udp = new Wire('0.0.0.0');
  const socket = new SwitchingSocket(runtime, udp);
  const got: string[] = [];
  await socket.open((bytes, from) => got.push(`${bytes[0]} ${from.host}`));
  return { clock, udp, socket, got };
}

describe('SwitchingSocket', () => {
  it('is UDP until a tunnel is attached, and again when it is detached; datagrams come in from both', async () => {
    const { udp, socket, got } = await makeSocket();
    const tunnel = new Wire('203.0.113.1');
    socket.send(KAD, PUBLIC);
    await socket.attach(tunnel);
    socket.send(KAD, PUBLIC);
    tunnel.receive(KAD, at('198.51.100.1'));
    udp.receive(KAD, at('198.51.100.2'));
    expect([udp.sent, tunnel.sent]).toEqual([['188 198.51.100.9'], ['188 198.51.100.9']]);
    expect(got).toEqual(['188 198.51.100.1', '188 198.51.100.2']);
    expect([socket.localAddress, socket.tunnelAddress]).toEqual([udp.localAddress, tunnel.localAddress]);
    const other = new Wire('203.0.113.2');
    await socket.attach(other);
    expect([tunnel.isClosed, other.isClosed]).toEqual([true, false]);
    await socket.detach();
    socket.send(KAD, PUBLIC);
    expect([udp.sent.length, other.sent.length, other.isClosed]).toEqual([2, 0, true]);
    await socket.close();
    expect(udp.isClosed).toBe(true);
  });

  it('T6 sends STUN by UDP alone', async () => {
    const { udp, socket } = await makeSocket();
    const tunnel = new Wire('203.0.113.1');
    await socket.attach(tunnel);
    socket.send(encodeBindingRequest(new Uint8Array(12)), PUBLIC);
    expect([udp.sent, tunnel.sent]).toEqual([['0 198.51.100.9'], []]);
  });

  it('writes to neighbours, and to whoever was heard by UDP of late, by UDP', async () => {
    const { clock, udp, socket } = await makeSocket();
    const tunnel = new Wire('203.0.113.1');
    await socket.attach(tunnel);
    socket.send(KAD, NEIGHBOUR);
    expect(udp.sent).toEqual(['188 192.168.1.9']);
    udp.receive(KAD, PUBLIC);
    socket.send(KAD, PUBLIC);
    expect(udp.sent).toHaveLength(2);
    await clock.runFor(UDP_HEARD_MS);
    socket.send(KAD, PUBLIC);
    expect([udp.sent.length, tunnel.sent.length]).toEqual([2, 1]);
    udp.receive(KAD, PUBLIC);
    for (let n = 1; n <= UDP_HEARD_MAX; n++) udp.receive(KAD, at('198.51.100.10', n));
    socket.send(KAD, PUBLIC);
    expect(tunnel.sent, 'T14 only so many are remembered').toHaveLength(2);
  });

  it('writes to neighbours through a tunnel that is in the neighbourhood itself', async () => {
    const { udp, socket } = await makeSocket();
    const tunnel = new Wire('192.168.1.1');
    await socket.attach(tunnel);
    socket.send(KAD, NEIGHBOUR);
    expect([udp.sent, tunnel.sent]).toEqual([[], ['188 192.168.1.9']]);
  });
});

describe('UdpProbe', () => {
  const answerTo = (request: Uint8Array): Uint8Array => {
    const answer = new Uint8Array(32);
    answer.set(request.subarray(0, 20));
    answer.set([1, 1, 0, 12], 0);
    answer.set([0, 0x20, 0, 8, 0, 1, 0, 0, 1, 2, 3, 4], 20);
    return answer;
  };

  it('is true at the first answer from an address that was asked, which the KadNode does not see', async () => {
    const { clock, udp, socket, got } = await makeSocket();
    udp.onSend = (bytes, to) => {
      if (to.host === PUBLIC.host) udp.receive(answerTo(bytes), to);
    };
    const asked = socket.probe.ask([at('198.51.100.8'), PUBLIC], new AbortController().signal);
    expect(await clock.runUntilSettled(asked, { deadlineMs: 10 })).toBe(true);
    expect([udp.sent, got]).toEqual([['0 198.51.100.8', '0 198.51.100.9'], []]);
    await clock.runFor(5000);
    expect(udp.sent).toHaveLength(2);
  });

  it('is false when nobody answers, or somebody else, or to another question; three datagrams go to each', async () => {
    const { clock, udp, socket } = await makeSocket();
    const signal = new AbortController().signal;
    udp.onSend = (bytes) => udp.receive(answerTo(bytes), at('198.51.100.8'));
    const first = socket.probe.ask([PUBLIC], signal);
    expect(await clock.runUntilSettled(first, { deadlineMs: UDP_PROBE_MS + 1 })).toBe(false);
    expect(udp.sent).toHaveLength(3);
    udp.onSend = () => udp.receive(answerTo(encodeBindingRequest(new Uint8Array(12).fill(7))), PUBLIC);
    expect(await clock.runUntilSettled(socket.probe.ask([PUBLIC], signal), { deadlineMs: 10_000 })).toBe(false);
    expect(await socket.probe.ask([], signal)).toBe(false);
    const many = Array.from({ length: 9 }, (_, n) => at('198.51.100.9', 100 + n));
    udp.sent.length = 0;
    await clock.runUntilSettled(socket.probe.ask(many, signal), { deadlineMs: 10_000 });
    expect(udp.sent).toHaveLength(12);
    expect(await socket.probe.ask([PUBLIC], AbortSignal.abort())).toBe(false);
  });
});
