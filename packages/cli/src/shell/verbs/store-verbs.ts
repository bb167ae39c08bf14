// driven: the verbs about whole stores, most of them from DHTFileStore: list, dump, clear, test (DF-21, BD-25).
import { createHash } from 'node:crypto';
import { formatSize, type ValueEntryView } from '@batchain/participant/client';
import { BatChainError } from '@batchain/shared';
import { countText } from '../../output/health-text.ts';
import { formatTable } from '../../output/table.ts';
import { TEST_BYTES } from '../shell-limits.ts';
import type { RequestOf } from '../shell-request.ts';
import type { VerbAnswer, VerbTools } from '../verb-tools.ts';
import { formText } from './form-text.ts';

const COLUMNS = [{ title: 'KEY', isFlexible: true }, { title: 'SIZE' }, { title: 'KIND' }, { title: 'FORM' }, { title: 'PIECES' }];

function entryLines(entries: readonly ValueEntryView[], width: number): string[] {
  if (entries.length === 0) return [];
  const rows = entries.map(({ key, size, kind, form, pieces }) => [key, formatSize(size), kind, form, String(pieces)]);
  return formatTable(COLUMNS, rows, width);
}

const sumOf = (entries: readonly ValueEntryView[]): number => entries.reduce((sum, { size }) => sum + size, 0);

export async function answerList(_: RequestOf<'list'>, { api, keys, style, signal }: VerbTools): Promise<VerbAnswer> {
  const { values: entries } = await api.values.list({ signal });
  for (const { key } of entries) keys.add(key);
  return {
    fields: { values: entries },
    text: [`${countText(entries.length, 'value')} on the network, ${formatSize(sumOf(entries))}`, ...entryLines(entries, style.width)],
  };
}

/** The local store: own values, and what of this disk others use. */
export async function answerLocalDump(_: RequestOf<'local-dump'>, { api, keys, style, signal }: VerbTools): Promise<VerbAnswer> {
  const { values: entries } = await api.values.list({ isLocal: true, signal });
  for (const { key } of entries) keys.add(key);
  const { offer } = await api.status({ signal });
  const hosted = `${countText(offer.shards, 'shard')} of others, ${formatSize(offer.usedBytes)}`;
  return {
    fields: { values: entries, hosted: { shards: offer.shards, bytes: offer.usedBytes } },
    text: [`${countText(entries.length, 'value')}, ${formatSize(sumOf(entries))}; ${hosted}`, ...entryLines(entries, style.width)],
  };
}

export async function answerClear({ isConfirmed }: RequestOf<'clear'>, { api, defaults, signal }: VerbTools): Promise<VerbAnswer> {
  const { values: entries } = await api.values.list({ isLocal: true, signal });
  if (!isConfirmed && !defaults.saysYes && entries.length > 0) {
    throw new BatChainError('BAT_E_USAGE', {
      what: `CLEAR would delete ${countText(entries.length, 'value')} of the local store`,
      why: 'nothing brings them back',
      fix: 'CLEAR yes',
    });
  }
  let cleared = 0;
  for (const { key } of entries) {
    await api.values.remove(key, { isLocal: true, signal });
    cleared++;
  }
  return { fields: { cleared }, text: [`OK ${countText(cleared, 'value')} deleted from the local store`] };
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Random bytes go to the network and come back; what comes back is hashed again here (DF-21). */
export async function answerTest({ bytes }: RequestOf<'test'>, { api, clock, defaults, entropy, signal }: VerbTools): Promise<VerbAnswer> {
  const sent = entropy.bytes(bytes ?? TEST_BYTES);
  const startedMs = clock.monotonicMs();
  const stored = await api.values.putByHash({ bytes: Buffer.from(sent).toString('base64'), pieceBytes: defaults.pieceBytes }, { signal });
  const { key, form, pieces, storedOn } = stored;
  const storedMs = clock.monotonicMs() - startedMs;
  try {
    const found = await api.values.get(key, { signal });
    const durationMs = clock.monotonicMs() - startedMs;
    const sentHash = hashOf(sent);
    const backHash = found.kind === 'bytes' ? hashOf(Buffer.from(found.bytes, 'base64')) : 'a JSON value';
    if (backHash !== sentHash) {
      throw new BatChainError('BAT_E_VALUE_BROKEN', {
        what: 'other bytes came back',
        why: `stored ${sentHash.slice(0, 16)}, retrieved ${backHash.slice(0, 16)}`,
      });
    }
    return {
      fields: {
        key,
        size: sent.length,
        form,
        sha256: sentHash,
        pieces,
        storedOn,
        storedMs: Math.round(storedMs),
        durationMs: Math.round(durationMs),
      },
      text: [
        `stored     ${formText(stored, defaults.pieceBytes)} on ${countText(storedOn, 'node')}  ${Math.round(storedMs)} ms`,
        `retrieved  sha256 ${sentHash.slice(0, 16)}... both times  ${Math.round(durationMs - storedMs)} ms`,
        `OK ${Math.round(durationMs)} ms`,
      ],
    };
  } finally {
    await api.values.remove(key, { signal }).catch(() => undefined);
  }
}
