// driven: the value of a setting as a person types it.
import { KEPT_SETTINGS, type SettingTable, sizeWord } from '@batchain/participant/client';

/** Empty for a setting without a value. */
export function settingText(key: keyof typeof KEPT_SETTINGS, value: unknown): string {
  if (value === undefined) return '';
  const isSize = (KEPT_SETTINGS as SettingTable)[key]?.argument === 'SIZE';
  if (isSize && typeof value === 'number') return sizeWord(value);
  return Array.isArray(value) ? value.join(',') : String(value);
}
