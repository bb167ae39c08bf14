// driven: the value of a setting as a person types it.
import { NODE_SETTINGS, type SettingTable, sizeWord } from '@batchain/participant/client';

/** Empty for a setting without a value. */
export function settingText(key: keyof typeof NODE_SETTINGS, value: unknown): string {
  if (value === undefined) return '';
  const isSize = (NODE_SETTINGS as SettingTable)[key]?.argument === 'SIZE';
  if (isSize && typeof value === 'number') return sizeWord(value);
  return Array.isArray(value) ? value.join(',') : String(value);
}
