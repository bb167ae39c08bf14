// driven: what `kv` says to people, with moments as they are here.
import {
  formatDuration,
  formatSize,
  type ValueEntryView,
  type ValueFoundView,
  type ValueSavedView,
  type ValueStoredView,
} from '@batchain/participant/client';
import { utf8Text } from '@batchain/shared';
import { parseIsoTime } from '@batchain/shared/node';
import { countText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import { formatTable } from '../output/table.ts';
import { agoText } from '../output/times.ts';

const FORM_WORDS: Readonly<Record<ValueEntryView['form'], string>> = { inline: 'record', pieces: 'pieces', file: 'file' };

export function storedText(style: Style, stored: ValueStoredView, isTTY: boolean): string[] {
  const key = printable(stored.key, style.isAscii);
  // A hash is what the next command of a script needs.
  if (!isTTY) return [key];
  const where = stored.isLocal ? 'in the local store' : `on ${countText(stored.storedOn, 'peer')}`;
  const how =
    stored.form === 'pieces'
      ? `in ${countText(stored.pieces, 'piece')}`
      : stored.form === 'file' && !stored.isLocal
        ? 'as an encrypted file'
        : '';
  return [
    `${style.tint('green', 'Stored')} ${key}   ${formatSize(stored.size)} ${[how, where].filter((words) => words !== '').join(', ')}`,
  ];
}

/** A JSON value: text as it is, all else as JSON. On a terminal nothing gets through that it would obey. */
export function foundText(style: Style, found: ValueFoundView, isTTY: boolean): string[] {
  const text = found.kind === 'bytes' ? found.bytes : typeof found.value === 'string' ? found.value : JSON.stringify(found.value);
  return isTTY ? text.split('\n').map((line) => printable(line, style.isAscii)) : [text];
}

export function savedText(style: Style, saved: ValueSavedView): string[] {
  return [`${style.tint('green', 'Saved')} ${printable(saved.path, style.isAscii)}   ${formatSize(saved.size)}`];
}

/** True for UTF-8 without control characters but line ends and tabs. */
export function isPrintable(bytes: Uint8Array): boolean {
  const text = utf8Text(bytes);
  return text !== undefined && !/[^\P{Cc}\n\r\t]/u.test(text);
}

const COLUMNS = [
  { title: 'KEY', isFlexible: true },
  { title: 'KIND', dropOrder: 1 },
  { title: 'SIZE' },
  { title: 'KEPT AS', dropOrder: 2 },
  { title: 'PUT', dropOrder: 0 },
  { title: 'EXPIRES', dropOrder: 3 },
];

export function listText(
  style: Style,
  values: readonly ValueEntryView[],
  { nowMs, isLocal }: { readonly nowMs: number; readonly isLocal: boolean },
): string[] {
  const put = `batchain kv put ${isLocal ? '--local ' : ''}KEY VALUE`;
  if (values.length === 0) return [`No values${isLocal ? ' in the local store' : ''}. Put one: ${put}`];
  const rows = values.map(({ key, kind, size, form, addedAt, expiresAt }) => [
    printable(key, style.isAscii),
    kind,
    formatSize(size),
    FORM_WORDS[form],
    agoText(parseIsoTime(addedAt), nowMs),
    expiresAt === null ? 'never' : `in ${formatDuration(Math.max(0, parseIsoTime(expiresAt) - nowMs))}`,
  ]);
  const total = values.reduce((sum, { size }) => sum + size, 0);
  return [...formatTable(COLUMNS, rows, style.width), `${countText(values.length, 'value')}, ${formatSize(total)}`];
}
