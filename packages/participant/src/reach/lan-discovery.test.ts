// Real multicast on the loopback interface, on a port of its own: nothing leaves this machine.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Address, formatAddress, type NodeId, type Runtime, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import bonjour from 'bonjour-service';
import { afterEach, describe, expect, it } from 'vitest';
import { LAN_ANSWERS_BURST, LAN_ANSWERS_PER_S, LAN_FOUND_PER_IP_BURST, LAN_FOUND_PER_IP_PER_S } from '../limits.ts';
import { makeLanAdvert } from './lan-advert.ts';
import { LanDiscovery, type LanDiscoveryConfig } from './lan-discovery.ts';

const GROUP = '224.0.0.251';
const LOOPBACK = { name: 'lo', host: '127.0.0.1', prefixBits: 8 };
const runtime = createSystemRuntime();
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A bare member of the group, as any program on the LAN may be one. */
async function joinGroup(port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, '0.0.0.0', resolve);
  });
  socket.addMembership(GROUP, LOOPBACK.host);
  socket.setMulticastInterface(LOOPBACK.host);
  ends.push(() => new Promise((resolve) => socket.close(() => resolve(undefined))));
  return socket;
}

const send = (socket: Socket, packet: Uint8Array, port: number): Promise<unknown> =>
  new Promise((resolve) => socket.send(packet, port, GROUP, resolve));

/** A port that nobody has; others may join it then. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '0.0.0.0', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** Why nothing can be tested here; macOS, for one, may have no multicast on loopback. */
async function loopbackObstacle(): Promise<string | undefined> {
  try {
    const port = await freePort();
    const socket = await joinGroup(port);
    const heard = once(socket, 'message', { signal: AbortSignal.timeout(2000) });
    await send(socket, Buffer.from('anybody?'), port);
    await heard;
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    for (const end of ends.splice(0)) await end();
  }
}

const obstacle = await loopbackObstacle();
if (obstacle !== undefined) process.stdout.write(`  SKIPPED: no multicast on loopback here (${obstacle}), LAN discovery was not tried\n`);

const id = (byte: number): NodeId => new Uint8Array(32).fill(byte) as NodeId;

class Heard {
  readonly found = new Map<string, Address>();
  #isHeard: () => void = () => undefined;
  readonly first: Promise<void> = new Promise((resolve) => {
    this.#isHeard = resolve;
  });
  readonly #waiting = new Map<string, (address: Address) => void>();

  readonly onFound = (address: Address, nodeId: NodeId): void => {
    this.found.set(toHex(nodeId), address);
    this.#isHeard();
    this.#waiting.get(toHex(nodeId))?.(address);
  };

  of(nodeId: NodeId): Promise<Address> {
    const known = this.found.get(toHex(nodeId));
    return known === undefined ? new Promise((resolve) => this.#waiting.set(toHex(nodeId), resolve)) : Promise.resolve(known);
  }
}

async function start(
  byte: number,
  multicastPort: number,
  change: Partial<LanDiscoveryConfig> = {},
  on: Runtime = runtime,
): Promise<{ lan: LanDiscovery; heard: Heard }> {
  const heard = new Heard();
  const config = { nodeId: id(byte), networkTag: 'test', kadPort: 4000 + byte, interfaces: () => [LOOPBACK], multicastPort, ...change };
  const lan = new LanDiscovery(on, config, heard);
  ends.push(() => lan.stop());
  await lan.start();
  return { lan, heard };
}

describe.skipIf(obstacle !== undefined)('participants on one LAN', { timeout: 30_000 }, () => {
  it('BD-14 BD-41 find each other, whoever came first, and tell it', async () => {
    const port = await freePort();
    const first = await start(1, port);
    const second = await start(2, port);
    expect(formatAddress(await first.heard.of(id(2)))).toBe('127.0.0.1:4002');
    expect(formatAddress(await second.heard.of(id(1)))).toBe('127.0.0.1:4001');
    expect(first.lan.state()).toEqual({ interfaces: [{ host: '127.0.0.1', problem: undefined }], found: 1 });
  });

  it('do not find themselves, nor members of other networks', async () => {
    const port = await freePort();
    const own = await start(1, port);
    const other = await start(2, port, { networkTag: 'other' });
    const witness = await start(3, port);
    await own.heard.of(id(3));
    await witness.heard.of(id(1));
    expect([...own.heard.found.keys()]).toEqual([toHex(id(3))]);
    expect(other.heard.found.size).toBe(0);
  });

  it('BD-14 tell who is there when they are asked, whoever was heard before included', async () => {
    const port = await freePort();
    const asker = await start(1, port);
    const known = await start(2, port);
    await asker.heard.of(id(2));
    const seen = async (): Promise<string[]> => {
      const participants = await asker.lan.search(new AbortController().signal);
      return participants.map(({ nodeId, kadAddress }) => `${nodeId[0]} at ${formatAddress(kadAddress)}`).sort();
    };
    expect(await seen()).toEqual(['2 at 127.0.0.1:4002']);
    await known.lan.stop();
    await start(3, port);
    await asker.heard.of(id(3));
    expect(await seen()).toEqual(['2 at 127.0.0.1:4002', '3 at 127.0.0.1:4003']);
    await expect(asker.lan.search(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  });

  it('say goodbye when they stop', async () => {
    const port = await freePort();
    const { lan } = await start(1, port);
    const witness = await joinGroup(port);
    // What stands before the type in DNS is the name of the instance; a goodbye has a lifetime of 0 right after the class.
    const goodbye = new Promise<void>((resolve) => {
      const end = Buffer.from([0x00, 0x0c, 0x00, 0x01, 0, 0, 0, 0]);
      witness.on('message', (packet) => {
        if (packet.includes(makeLanAdvert(id(1), '', 1).name) && packet.includes(end)) resolve();
      });
    });
    await lan.stop();
    await goodbye;
  });

  it('join an interface that appears later, and leave one that is gone', async () => {
    const port = await freePort();
    let interfaces: (typeof LOOPBACK)[] = [];
    const late = await start(1, port, { interfaces: () => interfaces });
    const other = await start(2, port);
    expect(late.lan.state().interfaces).toEqual([]);
    interfaces = [LOOPBACK];
    late.lan.refresh();
    await Promise.all([late.heard.of(id(2)), other.heard.of(id(1))]);
    interfaces = [];
    late.lan.refresh();
    await late.lan.stop();
    expect(late.lan.state().interfaces).toEqual([]);
  });

  it('tell of an interface that cannot be joined, and start all the same', async () => {
    const port = await freePort();
    const { lan } = await start(1, port, { interfaces: () => [{ name: 'gone0', host: '192.0.2.77', prefixBits: 24 }] });
    expect(lan.state().interfaces).toEqual([{ host: '192.0.2.77', problem: expect.any(String) }]);
  });

  it('tell when somebody keeps the port for himself', async () => {
    const greedy = createSocket('udp4');
    await new Promise<void>((resolve) => greedy.bind(0, '0.0.0.0', resolve));
    ends.push(() => new Promise((resolve) => greedy.close(() => resolve(undefined))));
    const { lan } = await start(1, greedy.address().port);
    expect(lan.state().interfaces).toEqual([{ host: '127.0.0.1', problem: 'somebody else has the port' }]);
  });
});

/** Random and bent packets that get past the gate. */
function hostilePackets(count: number): Buffer[] {
  const label = Buffer.from('\x09_batchain\x04_udp\x05local\x00');
  return Array.from({ length: count }, (_, i) => {
    const noise = Buffer.from(runtime.random.bytes(1 + runtime.random.below(300)));
    const header = Buffer.from([0, 0, i % 2 === 0 ? 0x84 : 0, 0, 0, i % 3, 0, i % 5, 0, i % 2, 0, i % 7]);
    if (i % 4 === 0) return Buffer.concat([header, label, noise]);
    if (i % 4 === 1) return Buffer.concat([header, noise, label]);
    // A PTR, a TXT, an SRV whose length says more than there is, or a name that points at itself.
    const type = [12, 16, 33, 41][(i % 7) & 3] ?? 12;
    return Buffer.concat([header, label, Buffer.from([0, type, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0xc0, 12 + (i % 40)]), noise]);
  });
}

describe.skipIf(obstacle !== undefined)('hostile neighbours on the LAN', { timeout: 30_000 }, () => {
  it('do no harm with malformed packets, even where all of them are decoded', async () => {
    const port = await freePort();
    // Its allowances refill at once.
    const clock = Object.assign(Object.create(runtime.clock), { monotonicMs: () => runtime.clock.monotonicMs() * 100_000 });
    const { heard } = await start(1, port, {}, { ...runtime, clock });
    const neighbour = await joinGroup(port);
    for (const packet of hostilePackets(4000)) await send(neighbour, packet, port);
    const honest = await start(2, port, { interfaces: () => [{ ...LOOPBACK, host: '127.0.0.2' }] });
    await Promise.all([heard.of(id(2)), honest.heard.of(id(1))]);
    expect(heard.found.size).toBe(1);
  });

  /** What was sent to the group so far has been heard by its members. The buffers of sockets overflow, so it may take several tries. */
  async function settle(neighbour: Socket, port: number): Promise<void> {
    const end = Buffer.from('the end');
    const heard = new Promise<boolean>((resolve) => {
      neighbour.on('message', (packet) => {
        if (packet.equals(end)) resolve(true);
      });
    });
    for (let isHeard = false; !isHeard; ) {
      await send(neighbour, end, port);
      isHeard = await Promise.race([heard, runtime.clock.sleep(100).then(() => false)]);
    }
  }

  it('get few answers, however many questions they ask (T6)', async () => {
    const port = await freePort();
    const startedMs = runtime.clock.monotonicMs();
    await start(1, port);
    const neighbour = await joinGroup(port);
    const question = Buffer.concat([
      Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      Buffer.from('\x09_batchain\x04_udp\x05local\x00\x00\x0c\x00\x01', 'latin1'),
    ]);
    let answers = 0;
    neighbour.on('message', (packet) => {
      if (((packet[2] ?? 0) & 0x80) !== 0 && packet.includes(makeLanAdvert(id(1), '', 1).name)) answers++;
    });
    for (let i = 0; i < 2000; i++) {
      await send(neighbour, question, port);
      // Others get a turn: the questions are read and answered, not lost in a full buffer.
      if (i % 20 === 0) await runtime.clock.sleep(1);
    }
    await settle(neighbour, port);
    const seconds = (runtime.clock.monotonicMs() - startedMs) / 1000;
    expect(answers).toBeLessThanOrEqual(LAN_ANSWERS_BURST + LAN_ANSWERS_PER_S * seconds);
    expect(answers).toBeGreaterThan(0);
  });

  it('have few participants taken up, however many they announce (T8)', async () => {
    const port = await freePort();
    const startedMs = runtime.clock.monotonicMs();
    const { heard } = await start(1, port);
    const neighbour = await joinGroup(port);
    const crowd = new bonjour.Bonjour({ port, interface: LOOPBACK.host, bind: '0.0.0.0' } as object);
    ends.push(() => new Promise((resolve) => crowd.unpublishAll(() => crowd.destroy(() => resolve(undefined)))));
    for (let i = 0; i < 240; i++) {
      const { name, host, port: kadPort, text } = makeLanAdvert(id(10 + i), 'test', 1 + i);
      crowd.publish({ name, host, type: 'batchain', protocol: 'udp', port: kadPort, txt: text, probe: false, disableIPv6: true });
      await runtime.clock.sleep(1);
    }
    await heard.first;
    await settle(neighbour, port);
    const seconds = (runtime.clock.monotonicMs() - startedMs) / 1000;
    expect(heard.found.size).toBeLessThanOrEqual(LAN_FOUND_PER_IP_BURST + LAN_FOUND_PER_IP_PER_S * seconds);
  });
});
