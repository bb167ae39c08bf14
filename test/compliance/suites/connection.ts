// driven: what every Dialer, Listener and Connection must do, whatever carries the bytes.
import {
  type Address,
  CONNECTION_MESSAGE_BYTES_MAX,
  type Connection,
  type Dialer,
  KiB,
  type Listener,
  type PeerIdentity,
  utf8Bytes,
  utf8Text,
} from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { Inbox, inWorld, type World } from './world.ts';

/** A participant of the world, with a key of its own; its listener does not listen yet. */
export interface ConnectionNode {
  readonly identity: PeerIdentity;
  readonly dialer: Dialer;
  readonly listener: Listener;
  /** Where the others dial it; asked only while it listens. */
  address(): Address;
}

export interface ConnectionWorld extends World {
  makeNode(): ConnectionNode | Promise<ConnectionNode>;
}

/** What only adapters have that are dialled by address; a brokered one has signals instead. */
export interface DialledWorld extends ConnectionWorld {
  /** A listener that would listen at the very address of a node that listens. */
  makeRival(node: ConnectionNode): Listener | Promise<Listener>;
  /** An address at which packets get lost, or are never answered. */
  silentAddress(): Address | Promise<Address>;
}

const TIMEOUT_MS = 5000;
const BULK_MESSAGES = 128;

const textOf = (bytes: Uint8Array): string => utf8Text(bytes) ?? '';

function inboxOf(connection: Connection): Inbox<string> {
  const inbox = new Inbox<string>();
  connection.onMessage((message) => inbox.put(textOf(message)));
  return inbox;
}

async function connect(ana: ConnectionNode, bo: ConnectionNode) {
  const accepted = new Inbox<{ connection: Connection; inbox: Inbox<string> }>();
  await bo.listener.listen((connection) => accepted.put({ connection, inbox: inboxOf(connection) }));
  const dialled = await ana.dialer.dial(bo.address(), bo.identity.nodeId, { timeoutMs: TIMEOUT_MS });
  if (!dialled.ok) throw new Error(`dial failed: ${dialled.reason} ${dialled.detail}`);
  const near = { connection: dialled.value, inbox: inboxOf(dialled.value) };
  return { near, far: await accepted.next(), accepted };
}

export function connectionSuite(name: string, makeWorld: () => ConnectionWorld | Promise<ConnectionWorld>): void {
  const story = (tell: (world: ConnectionWorld) => Promise<void>) => () => inWorld(makeWorld, tell);

  describe(`Connection: ${name}`, () => {
    it(
      'proves to each end who the other one is',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        expect(near.connection.peer.nodeId).toEqual(bo.identity.nodeId);
        expect(near.connection.peer.publicKey).toEqual(bo.identity.publicKey);
        expect(far.connection.peer.nodeId).toEqual(ana.identity.nodeId);
        expect(far.connection.peer.publicKey).toEqual(ana.identity.publicKey);
        expect([near.connection.isInitiator, far.connection.isInitiator]).toEqual([true, false]);
        expect(near.connection.remoteAddress).toEqual(bo.address());
        near.connection.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'gives both ends of a connection the same 32-byte binding, and no other connection the same',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far, accepted } = await connect(ana, bo);
        const again = await ana.dialer.dial(bo.address(), undefined, { timeoutMs: TIMEOUT_MS });
        if (!again.ok) throw new Error(again.reason);
        const farAgain = await accepted.next();
        expect(near.connection.binding).toHaveLength(32);
        expect(near.connection.binding).toEqual(far.connection.binding);
        expect(again.value.binding).toEqual(farAgain.connection.binding);
        expect(again.value.binding).not.toEqual(near.connection.binding);
        near.connection.close('done');
        again.value.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'refuses a peer with another identity than expected, which never sees a connection',
      story(async (world) => {
        const [ana, bo, cy] = [await world.makeNode(), await world.makeNode(), await world.makeNode()];
        const accepted = new Inbox<Connection>();
        await bo.listener.listen(accepted.put);
        const dialled = await ana.dialer.dial(bo.address(), cy.identity.nodeId, { timeoutMs: TIMEOUT_MS });
        expect(dialled).toMatchObject({ ok: false, reason: 'wrong-identity' });
        const right = await ana.dialer.dial(bo.address(), bo.identity.nodeId, { timeoutMs: TIMEOUT_MS });
        if (!right.ok) throw new Error(right.reason);
        await accepted.next();
        expect(accepted.size).toBe(0);
        right.value.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'carries messages of every size whole and in order, both ways at once',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        const sizes = [1, 125, 126, 4096, 65_535, 65_536, CONNECTION_MESSAGE_BYTES_MAX, 7];
        const messages = (letter: string): string[] => sizes.map((size, i) => `${letter}${i}`.padEnd(size, letter).slice(0, size));
        const sendAll = async (connection: Connection, letter: string): Promise<void> => {
          for (const message of messages(letter)) await connection.send(utf8Bytes(message));
        };
        await Promise.all([sendAll(near.connection, 'a'), sendAll(far.connection, 'b')]);
        expect(await far.inbox.take(sizes.length)).toEqual(messages('a'));
        expect(await near.inbox.take(sizes.length)).toEqual(messages('b'));
        near.connection.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'sends a message given in two parts as one, where it can',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        for (const { connection, inbox } of [
          { connection: near.connection, inbox: far.inbox },
          { connection: far.connection, inbox: near.inbox },
        ]) {
          if (connection.sendParts === undefined) continue;
          await connection.sendParts(utf8Bytes('head '), utf8Bytes('b'.repeat(20_000)));
          await connection.send(utf8Bytes('next'));
          expect(await inbox.take(2)).toEqual([`head ${'b'.repeat(20_000)}`, 'next']);
        }
        near.connection.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'loses no message that was sent in the very moment of connecting',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        await bo.listener.listen((connection) => {
          connection.onMessage((message) => void connection.send(message));
          void connection.send(utf8Bytes('welcome'));
        });
        const dialled = await ana.dialer.dial(bo.address(), bo.identity.nodeId, { timeoutMs: TIMEOUT_MS });
        if (!dialled.ok) throw new Error(dialled.reason);
        const inbox = inboxOf(dialled.value);
        void dialled.value.send(utf8Bytes('echo me'));
        expect(await inbox.take(2)).toEqual(['welcome', 'echo me']);
        dialled.value.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'treats a message above the limit as misuse and stays open',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        const tooLong = async (): Promise<void> => near.connection.send(new Uint8Array(CONNECTION_MESSAGE_BYTES_MAX + 1));
        await expect(tooLong()).rejects.toMatchObject({ code: 'BAT_E_INTERNAL' });
        await near.connection.send(utf8Bytes('short enough'));
        expect(await far.inbox.next()).toBe('short enough');
        near.connection.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'holds a sender back while the reader pauses, and loses nothing of what waited',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        far.connection.pause(true);
        const sent: Promise<void>[] = [];
        for (let i = 0; i < BULK_MESSAGES; i++) sent.push(near.connection.send(utf8Bytes(`${i}`.padEnd(256 * KiB, '.'))));
        let isHeldBack = true;
        const last = sent[BULK_MESSAGES - 1] as Promise<void>;
        const freed = last.then(() => {
          isHeldBack = false;
        });
        // A message the other way takes its time, and is not held up by what waits here.
        await far.connection.send(utf8Bytes('I am reading slowly'));
        expect(await near.inbox.next()).toBe('I am reading slowly');
        expect(isHeldBack).toBe(true);
        expect(near.connection.bufferedBytes).toBeGreaterThan(0);
        expect(far.inbox.size).toBe(0);
        far.connection.pause(false);
        const got = await far.inbox.take(BULK_MESSAGES);
        expect(got.map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: BULK_MESSAGES }, (_, i) => i));
        await Promise.all([...sent, freed]);
        near.connection.close('done');
        await bo.listener.close();
      }),
    );

    it(
      'ends at both ends with the given word, after what was sent before',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        await near.connection.send(utf8Bytes('last words'));
        near.connection.close('replaced');
        near.connection.close('again');
        expect(await near.connection.closed).toEqual({ reason: 'local', detail: 'replaced' });
        expect(await far.connection.closed).toEqual({ reason: 'remote', detail: 'replaced' });
        expect([await far.inbox.next(), far.inbox.size]).toEqual(['last words', 0]);
        for (const { connection } of [near, far]) {
          await expect(connection.send(utf8Bytes('too late'))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
        }
        await bo.listener.close();
      }),
    );

    it(
      'frees whoever waits to send when the connection ends',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        far.connection.pause(true);
        const sent: Promise<void>[] = [];
        for (let i = 0; i < BULK_MESSAGES; i++) sent.push(near.connection.send(new Uint8Array(256 * KiB)));
        const outcomes = Promise.allSettled(sent);
        near.connection.close('enough');
        expect((await outcomes).at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'BAT_E_CONNECTION_CLOSED' } });
        await bo.listener.close();
      }),
    );

    it(
      'ends the connections that came in when the listener closes',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        const { near, far } = await connect(ana, bo);
        await bo.listener.close();
        expect((await near.connection.closed).reason).not.toBe('local');
        await far.connection.closed;
        await expect(near.connection.send(utf8Bytes('anybody?'))).rejects.toMatchObject({ code: 'BAT_E_CONNECTION_CLOSED' });
      }),
    );
  });
}

/** The part of the promises that is about addresses. */
export function dialledSuite(name: string, makeWorld: () => DialledWorld | Promise<DialledWorld>): void {
  const story = (tell: (world: DialledWorld) => Promise<void>) => () => inWorld(makeWorld, tell);

  describe(`Dialled connection: ${name}`, () => {
    it(
      'tells why a dial failed: refused, timeout, aborted, not-dialable',
      story(async (world) => {
        const [ana, bo] = [await world.makeNode(), await world.makeNode()];
        await bo.listener.listen(() => undefined);
        const address = bo.address();
        const aborted = AbortSignal.abort(new Error('the user left'));
        expect(await ana.dialer.dial(address, undefined, { timeoutMs: TIMEOUT_MS, signal: aborted })).toMatchObject({ reason: 'aborted' });
        const silent = await world.silentAddress();
        const controller = new AbortController();
        const dialling = ana.dialer.dial(silent, undefined, { timeoutMs: 60_000, signal: controller.signal });
        controller.abort();
        expect(await dialling).toMatchObject({ ok: false, reason: 'aborted' });
        expect(await ana.dialer.dial(silent, undefined, { timeoutMs: 300 })).toMatchObject({ ok: false, reason: 'timeout' });
        const nowhere = { host: '0.0.0.0', port: address.port };
        expect(await ana.dialer.dial(nowhere, undefined, { timeoutMs: 300 })).toMatchObject({ ok: false, reason: 'not-dialable' });
        await bo.listener.close();
        expect(await ana.dialer.dial(address, undefined, { timeoutMs: TIMEOUT_MS })).toMatchObject({ ok: false, reason: 'refused' });
      }),
    );

    it(
      'refuses to listen at a port that is taken',
      story(async (world) => {
        const bo = await world.makeNode();
        await bo.listener.listen(() => undefined);
        expect(bo.listener.localAddress.port).toBeGreaterThan(0);
        const rival = await world.makeRival(bo);
        await expect(rival.listen(() => undefined)).rejects.toMatchObject({ code: 'BAT_E_PORT_IN_USE' });
        await bo.listener.close();
        await bo.listener.close();
      }),
    );
  });
}
