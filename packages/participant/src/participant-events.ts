// driven: what a participant tells: its own events, and flat ones for programs on this machine.
import type { EventEmitter } from 'node:events';
import type { FileId } from '@batchain/bat-node';
import type { KadNode } from '@batchain/kad-node';
import { type Address, formatAddress, type NodeId, toHex } from '@batchain/shared';
import type { NodeEvent } from './local-node.ts';

/** Event name to the arguments of its listeners. */
export interface ParticipantEventMap {
  started: [{ readonly kad: Address; readonly bat: Address }];
  stopped: [];
  'peer-found': [{ readonly nodeId: NodeId; readonly address: Address }];
  'peer-lost': [{ readonly nodeId: NodeId; readonly address: Address }];
  joined: [{ readonly contacts: number }];
  offline: [];
  /** A shard of the file has become durable here. */
  'shard-held': [{ readonly fileId: FileId }];
}

/** Tells local listeners. */
export class LocalNews {
  readonly #listeners = new Set<(event: NodeEvent) => void>();

  follow(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(name: string, fields: Readonly<Record<string, unknown>>): void {
    for (const listener of this.#listeners) listener({ name, fields });
  }
}

/** Passes on what happens to the KadNode. */
export function tellOfKad(kad: KadNode, own: EventEmitter<ParticipantEventMap>, news: LocalNews): void {
  const { events } = kad;
  events.on('contact-added', ({ nodeId, address }) => {
    own.emit('peer-found', { nodeId, address });
    news.tell('peer.found', { nodeId: toHex(nodeId), kad: formatAddress(address) });
  });
  events.on('contact-dropped', ({ nodeId, address }) => {
    own.emit('peer-lost', { nodeId, address });
    news.tell('peer.lost', { nodeId: toHex(nodeId), kad: formatAddress(address) });
  });
  events.on('joined', ({ contacts }) => {
    own.emit('joined', { contacts });
    news.tell('network.joined', { contacts });
  });
  events.on('offline', () => {
    own.emit('offline');
    news.tell('network.offline', {});
  });
}
