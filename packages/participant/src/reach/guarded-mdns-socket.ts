// driven: the UDP socket that the multicast DNS library is given: nothing hostile reaches its decoder, none of its errors the process.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { type Runtime, systemReason } from '@batchain/shared';
import type { LanInterface } from '../adapters/lan-interfaces.ts';
import { LanPacketGate } from './lan-packet-gate.ts';

/**
 * What multicast-dns 7.2.5 uses of a socket. It throws inside its `message` listener what decoding the records of a stranger throws,
 * which would end the process, and makes an `error` event of a bind that failed, which would as well: so the socket is bound
 * before the library gets it, and its listeners are called from here.
 */
export class GuardedMdnsSocket extends EventEmitter {
  readonly #runtime: Runtime;
  readonly #lan: LanInterface;
  readonly #gate: LanPacketGate;
  readonly #socket: Socket;
  #isOpen = false;
  #isLeaving = false;
  #hasHeardSelf = false;
  #problem: string | undefined;

  constructor(runtime: Runtime, lan: LanInterface) {
    super();
    this.#runtime = runtime;
    this.#lan = lan;
    this.#gate = new LanPacketGate(lan, runtime.clock.monotonicMs());
    // Others on this machine listen on the same port: the system's own responder, further participants.
    this.#socket = createSocket({ type: 'udp4', reuseAddr: true });
    this.#socket.on('message', (packet, source) => this.#receive(packet, source));
  }

  /** Why the group could not be joined, or nothing can be sent; undefined when all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Rejects with the system's error. */
  async bindTo(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind({ port, address: '0.0.0.0', exclusive: false }, () => {
        this.#socket.off('error', reject);
        resolve();
      });
    });
    // What fails later concerns single packets: a network that is down is tried again with the next one.
    this.#socket.on('error', (error) => this.#note(error));
    this.#isOpen = true;
  }

  /** Whether anything of ours came back since `expectSelf`: the system hands what is sent to a group to its own members too. */
  get hasHeardSelf(): boolean {
    return this.#hasHeardSelf;
  }

  expectSelf(): void {
    this.#hasHeardSelf = false;
  }

  /** From now on everything may leave: what is left to say is the goodbye. */
  leave(): void {
    this.#isLeaving = true;
  }

  #receive(packet: Buffer, source: RemoteInfo): void {
    if (source.address === this.#lan.host) this.#hasHeardSelf = true;
    if (!this.#isOpen || !this.#gate.admits(packet, source.address, this.#runtime.clock.monotonicMs())) return;
    try {
      this.emit('message', packet, source);
    } catch (error) {
      this.#runtime.log.debug('lan.packet.failed', { from: source.address, error: String(error) });
    }
  }

  #note(error: unknown): void {
    this.#problem = systemReason(error);
    this.#runtime.log.debug('lan.socket.failed', { host: this.#lan.host, error: String(error) });
  }

  // What the library calls.

  address(): ReturnType<Socket['address']> {
    return this.#socket.address();
  }

  addMembership(group: string, host: string): void {
    try {
      this.#socket.addMembership(group, host);
      this.#problem = undefined;
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  dropMembership(group: string, host: string): void {
    this.#socket.dropMembership(group, host);
  }

  setMulticastInterface(host: string): void {
    this.#socket.setMulticastInterface(host);
  }

  setMulticastTTL(ttl: number): void {
    this.#socket.setMulticastTTL(ttl);
  }

  setMulticastLoopback(isOn: boolean): void {
    this.#socket.setMulticastLoopback(isOn);
  }

  send(packet: Buffer, offset: number, length: number, port: number, host: string, done: (error: Error | null) => void): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    if (!this.#isOpen || (!this.#isLeaving && !this.#gate.mayLeave(packet.subarray(offset), nowMs))) {
      done(null);
      return;
    }
    try {
      this.#socket.send(packet, offset, length, port, host, (error) => {
        if (error === null) this.#problem = undefined;
        else this.#note(error);
        done(null);
      });
    } catch (error) {
      this.#note(error);
      done(null);
    }
  }

  close(done: () => void): void {
    if (!this.#isOpen) {
      done();
      return;
    }
    this.#isOpen = false;
    this.#socket.close(() => done());
  }
}
