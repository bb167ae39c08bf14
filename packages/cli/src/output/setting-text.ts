// driven: the value of a setting as a person types it.
import { formatSize, NODE_SETTINGS, parseSize, type SettingTable } from '@batchain/participant/client';

/** A size in its unit where that is exact: `50GiB`. */
function sizeText(bytes: number): string {
  const text = formatSize(bytes).replace('.0 ', '').replace(' ', '');
  return parseSize(text) === bytes ? text : String(bytes);
}

/** Empty for a setting without a value. */
export function settingText(key: keyof typeof NODE_SETTINGS, value: unknown): string {
  if (value === undefined) return '';
  const isSize = (NODE_SETTINGS as SettingTable)[key]?.argument === 'SIZE';
  if (isSize && typeof value === 'number') return sizeText(value);
  return Array.isArray(value) ? value.join(',') : String(value);
}
