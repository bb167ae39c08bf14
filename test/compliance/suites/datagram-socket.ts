// driven: what every DatagramSocket must do, whatever carries its datagrams.
import { type Address, type DatagramSocket, utf8Bytes, utf8Text } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { Inbox, inWorld, type World } from './world.ts';

export interface DatagramWorld extends World {
  /** A closed socket that can reach the other sockets of this world, at a free port (or the given one). */
  makeSocket(port?: number): DatagramSocket;
  /** Where others of this world reach an open socket; its bound host may be unspecified. */
  addressOf(socket: DatagramSocket): Address;
  /** A closed socket that would bind to the very address of an open one. */
  makeRival(socket: DatagramSocket): DatagramSocket;
}

interface Arrival {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly from: Address;
}

async function open(socket: DatagramSocket): Promise<Inbox<Arrival>> {
  const inbox = new Inbox<Arrival>();
  await socket.open((bytes, from) => inbox.put({ text: utf8Text(bytes) ?? '', bytes, from }));
  return inbox;
}

/** A faultless path is assumed: the world must not lose what these few datagrams say. */
export function datagramSocketSuite(name: string, makeWorld: () => DatagramWorld | Promise<DatagramWorld>): void {
  const story = (tell: (world: DatagramWorld) => Promise<void>) => () => inWorld(makeWorld, tell);

  describe(`DatagramSocket: ${name}`, () => {
    it(
      'delivers a datagram with its source, to which an answer finds the way back',
      story(async (world) => {
        const [ana, bo] = [world.makeSocket(), world.makeSocket()];
        const [anaInbox, boInbox] = [await open(ana), await open(bo)];
        ana.send(utf8Bytes('hello'), world.addressOf(bo));
        const hello = await boInbox.next();
        expect(hello).toMatchObject({ text: 'hello', from: world.addressOf(ana) });
        bo.send(utf8Bytes('hello yourself'), hello.from);
        expect(await anaInbox.next()).toMatchObject({ text: 'hello yourself', from: world.addressOf(bo) });
        await Promise.all([ana.close(), bo.close()]);
      }),
    );

    it(
      'has a real port once it is open, also when it asked for none',
      story(async (world) => {
        const [ana, bo] = [world.makeSocket(), world.makeSocket()];
        await Promise.all([open(ana), open(bo)]);
        expect(ana.localAddress.port).toBeGreaterThan(0);
        expect(ana.localAddress.port).toBe(world.addressOf(ana).port);
        await Promise.all([ana.close(), bo.close()]);
      }),
    );

    it(
      'keeps the borders between datagrams and their bytes, up to 1,200',
      story(async (world) => {
        const [ana, bo] = [world.makeSocket(), world.makeSocket()];
        const [, inbox] = [await open(ana), await open(bo)];
        const datagrams = [1, 2, 64, 511, 1200].map((length) => Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff));
        const got: Uint8Array[] = [];
        for (const datagram of datagrams) {
          ana.send(datagram, world.addressOf(bo));
          got.push((await inbox.next()).bytes);
        }
        expect(got.map((bytes) => [...bytes])).toEqual(datagrams.map((bytes) => [...bytes]));
        await Promise.all([ana.close(), bo.close()]);
      }),
    );

    it(
      'never throws on sending: unopened, closed, to nobody, to port 0, too large; and works on after all that',
      story(async (world) => {
        const [ana, bo, gone] = [world.makeSocket(), world.makeSocket(), world.makeSocket()];
        gone.send(utf8Bytes('not open yet'), { host: '127.0.0.1', port: 9 });
        const [, inbox] = [await open(ana), await open(bo), await open(gone)];
        const nobody = world.addressOf(gone);
        await gone.close();
        gone.send(utf8Bytes('closed'), world.addressOf(bo));
        ana.send(utf8Bytes('nobody is there'), nobody);
        ana.send(utf8Bytes('no port'), { ...nobody, port: 0 });
        ana.send(new Uint8Array(70_000), world.addressOf(bo));
        ana.send(utf8Bytes('still alive'), world.addressOf(bo));
        expect((await inbox.next()).text).toBe('still alive');
        await Promise.all([ana.close(), bo.close()]);
      }),
    );

    it(
      'refuses a port that is taken, and takes it once it is free',
      story(async (world) => {
        const [ana, bo] = [world.makeSocket(), world.makeSocket()];
        await Promise.all([open(ana), open(bo)]);
        const home = world.addressOf(ana);
        await expect(open(world.makeRival(ana))).rejects.toMatchObject({ code: 'BAT_E_PORT_IN_USE' });
        const heir = world.makeRival(ana);
        await ana.close();
        const inbox = await open(heir);
        bo.send(utf8Bytes('to the heir'), home);
        expect((await inbox.next()).text).toBe('to the heir');
        await Promise.all([heir.close(), bo.close()]);
      }),
    );

    it(
      'is silent once it is closed, and can be closed twice',
      story(async (world) => {
        const [ana, bo] = [world.makeSocket(), world.makeSocket()];
        const [, inbox] = [await open(ana), await open(bo)];
        const [home, heir] = [world.addressOf(bo), world.makeRival(bo)];
        ana.send(utf8Bytes('on its way'), home);
        await bo.close();
        await bo.close();
        const left = inbox.size;
        const heirInbox = await open(heir);
        ana.send(utf8Bytes('afterwards'), home);
        while ((await heirInbox.next()).text !== 'afterwards');
        expect(inbox.size).toBe(left);
        await Promise.all([ana.close(), heir.close()]);
      }),
    );
  });
}
