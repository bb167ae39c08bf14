// pure: sizes as people write them: `50GiB`, `50GB`, `50g`, `0`; and the way back, always in IEC units.
import { GiB, KiB, MiB, TiB } from '@batchain/shared';

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: KiB,
  m: MiB,
  g: GiB,
  t: TiB,
  kib: KiB,
  mib: MiB,
  gib: GiB,
  tib: TiB,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/** Bytes of `1.5GiB` (IEC), `50GB` (decimal), `50g` (IEC) or `4096`; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,16}(?:\.\d{1,6})?)\s?([a-z]{0,3})$/i.exec(text.trim());
  const unit = UNIT_BYTES[(match?.[2] ?? '').toLowerCase()];
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size in its unit where that is exact, to be read and typed: `50GiB`. */
export function sizeWord(bytes: number): string {
  const text = formatSize(bytes).replace('.0 ', '').replace(' ', '');
  return parseSize(text) === bytes ? text : String(bytes);
}

/** `0 B`, `11.8 KiB`, `48.3 MiB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
  let value = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0 of the smaller unit.
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
