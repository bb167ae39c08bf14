// pure: answers a PING; the session itself tells the asker where it is seen.
import type { KadResponse } from '../wire/messages.ts';

const PONG: KadResponse = { type: 'pong' };

export function handlePing(): KadResponse {
  return PONG;
}
